// The Prompt screen's captions: class names and templates against accuracy, at once.
import { setImmediate } from 'node:timers/promises';
import {
  type CaptionScore,
  type Handlers,
  LabError,
  type Parsed,
  type TemplateSelection,
} from '../../../shared/contract.ts';
import { captionOf, TEMPLATE_SETS, wordsFor } from '../../../shared/templates.ts';
import type { Engine } from '../context.ts';
import { classNames, type DatasetItem, datasetItems, getDataset } from '../datasets/store.ts';
import { cachedFeatures } from '../models/embed-dataset.ts';
import type { Embedder } from '../models/embedder.ts';
import {
  accuracy,
  addTemplate,
  type Caption,
  createCaption,
  emptyEnsemble,
  normaliseRows,
  predict,
  probabilities,
  selectTemplates,
} from '../prompts/captions.ts';

type PromptCalls = 'prompt.sets' | 'prompt.score' | 'prompt.select';

/** A dataset's features under one model, and every caption tried on them. One is kept: people work on one at a time. */
type Workbench = {
  key: string;
  embedder: Embedder;
  items: DatasetItem[];
  features: Float32Array;
  classes: string[];
  captions: Map<string, Caption>;
};

const CAPTION_BATCH = 64;
const MOST_CAPTIONS = 20_000; // kept; more, and the table is begun anew

export function promptHandlers(engine: Engine): Pick<Handlers, PromptCalls> {
  let bench: Workbench | null = null;

  async function open(datasetId: number, model: string): Promise<Workbench> {
    const embedder = await engine.models.embedder(model);
    if (!embedder.text)
      throw new LabError(
        'unsupported',
        `${embedder.name} has no text side: captions need a model with both towers, such as CLIP.`,
      );
    const { items } = datasetItems(engine.db, datasetId, { keepLeaks: false });
    const key = `${datasetId}|${embedder.key}|${items.map((item) => `${item.id}:${item.hash}:${item.label}:${item.split}`).join()}`;
    if (bench?.key === key) return bench;
    const { features, missing } = await cachedFeatures(engine, embedder, items);
    if (missing > 0) {
      const { name } = getDataset(engine.db, datasetId);
      throw new LabError(
        'conflict',
        missing === items.length
          ? `The ${items.length} images of ${name} are not embedded with ${embedder.name} yet. Embed them first.`
          : `${items.length - missing} of ${items.length} images of ${name} are embedded with ${embedder.name}. Embed the rest first.`,
      );
    }
    bench = {
      key,
      embedder,
      items,
      features: normaliseRows(features, embedder.dim),
      classes: classNames(engine.db, datasetId),
      captions: new Map(),
    };
    return bench;
  }

  /** [template][class]; captions not seen before go through the text tower in batches. */
  async function captionTable(at: Workbench, templates: string[], names: string[]): Promise<Caption[][]> {
    const wanted = templates.map((template) => names.map((name) => captionOf(template, name)));
    const fresh = [...new Set(wanted.flat())].filter((text) => !at.captions.has(text));
    if (at.captions.size + fresh.length > MOST_CAPTIONS) at.captions.clear();
    for (let start = 0; start < fresh.length; start += CAPTION_BATCH) {
      const batch = fresh.slice(start, start + CAPTION_BATCH);
      const rows = normaliseRows(await at.embedder.text!(batch), at.embedder.dim);
      for (const [i, text] of batch.entries()) {
        at.captions.set(text, createCaption(rows.slice(i * at.embedder.dim, (i + 1) * at.embedder.dim), at.features));
        if (i % 8 === 7) await setImmediate();
      }
    }
    return wanted.map((row) => row.map((text) => at.captions.get(text)!));
  }

  const namesOf = (at: Workbench, own: Record<string, string>) => at.classes.map((name) => wordsFor(own, name));

  return {
    'prompt.sets': () => TEMPLATE_SETS.map((set) => ({ ...set, templates: [...set.templates] })),
    'prompt.score': async (params) => {
      const at = await open(params.datasetId, params.model);
      const table = await captionTable(at, params.templates, namesOf(at, params.classNames));
      return score(at, table, params);
    },
    'prompt.select': async (params): Promise<TemplateSelection> => {
      const at = await open(params.datasetId, params.model);
      const { rows, truth } = labelledRows(at, 'train');
      if (rows.length === 0)
        throw new LabError(
          'bad-request',
          'There are no labelled training images to choose templates on. Set a split under Data.',
        );
      const table = await captionTable(at, params.templates, namesOf(at, params.classNames));
      const { chosen, accuracies } = await selectTemplates(table, rows, truth, params.max, () => setImmediate());
      return {
        templates: chosen.map((t) => params.templates[t]!),
        steps: chosen.map((t, i) => ({ template: params.templates[t]!, trainAccuracy: accuracies[i]! })),
        trainAccuracy: accuracies.at(-1) ?? 0,
        items: rows.length,
      };
    },
  };
}

/** Row numbers and class indices of the labelled items of a split. */
function labelledRows(at: Workbench, split: 'train' | 'test' | 'all'): { rows: Int32Array; truth: Int32Array } {
  const rows = at.items.flatMap((item, i) => (item.label >= 0 && (split === 'all' || item.split === split) ? [i] : []));
  return { rows: Int32Array.from(rows), truth: Int32Array.from(rows, (i) => at.items[i]!.label) };
}

async function score(at: Workbench, table: Caption[][], params: Parsed<'prompt.score'>): Promise<CaptionScore> {
  const { rows, truth } = labelledRows(at, params.split);
  const empty = () => emptyEnsemble(at.classes.length, at.embedder.dim, at.items.length);
  const ensemble = empty();
  const perTemplate: CaptionScore['perTemplate'] = [];
  for (const [t, captions] of table.entries()) {
    addTemplate(ensemble, captions);
    perTemplate.push({ template: params.templates[t]!, accuracy: accuracy(predict(empty(), rows, captions), truth) });
    await setImmediate();
  }
  const predicted = predict(ensemble, rows);
  const right = new Float64Array(at.classes.length);
  const seen = new Float64Array(at.classes.length);
  truth.forEach((label, i) => {
    seen[label]!++;
    if (predicted[i] === label) right[label]!++;
  });
  const position = new Map(at.items.map((item, i) => [item.id, i]));
  return {
    items: rows.length,
    accuracy: accuracy(predicted, truth),
    perClass: Object.fromEntries(at.classes.flatMap((name, c) => (seen[c]! > 0 ? [[name, right[c]! / seen[c]!]] : []))),
    perTemplate,
    chosen: params.chosen.flatMap((itemId) => {
      const i = position.get(itemId);
      if (i === undefined) return [];
      const label = at.items[i]!.label;
      return [
        {
          itemId,
          label: label < 0 ? null : at.classes[label]!,
          probabilities: probabilities(ensemble, i, at.embedder.scale ?? 100),
        },
      ];
    }),
    classes: at.classes,
  };
}
