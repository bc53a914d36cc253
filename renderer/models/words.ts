// Models in words: what a family can do, where one comes from, how a size reads.
import type { ModelInfo } from '../../shared/contract.ts';

export const FAMILY: Record<ModelInfo['family'], { name: string; can: string }> = {
  hog: {
    name: 'classic features',
    can: 'Gradient and colour histograms; nothing was learned. No captions, and no weights to train; every method on features.',
  },
  dual: { name: 'image and text', can: 'Image and text in one space: every method, zero-shot too.' },
  vision: { name: 'image only', can: 'No text side, so methods with captions do not apply; every other method does.' },
  text: { name: 'text only', can: 'No image side: image comparisons do not apply.' },
};

export const SOURCE: Record<ModelInfo['source'], string> = {
  'built-in': 'built in',
  bundled: 'shipped with the lab',
  'models-dir': 'your models folder',
  app: 'added to the lab',
  catalog: 'catalog',
};

/** Installed ones first, those without pretraining at their head: they are what the others have to beat. */
export function grouped(models: ModelInfo[]): { here: ModelInfo[]; catalog: ModelInfo[] } {
  const byName = (a: ModelInfo, b: ModelInfo) =>
    Number(a.pretrained) - Number(b.pretrained) || a.name.localeCompare(b.name);
  return {
    here: models.filter((each) => each.installed || each.problem !== null).sort(byName),
    catalog: models.filter((each) => !each.installed && each.problem === null),
  };
}

/** Labels typed by hand: commas or lines, trimmed, each once. */
export const parseLabels = (text: string): string[] => [
  ...new Set(
    text
      .split(/[,\n]/)
      .map((each) => each.trim())
      .filter(Boolean),
  ),
];

/** The most probable first, at most `n`. */
export const ranked = (labels: string[], probabilities: number[], n: number): { label: string; p: number }[] =>
  labels
    .map((label, i) => ({ label, p: probabilities[i] ?? 0 }))
    .sort((a, b) => b.p - a.p)
    .slice(0, n);
