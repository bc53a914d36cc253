// `lab classify`: zero-shot. Captions of the labels against every image, as CSV.
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import { DEFAULT_TEMPLATES } from '../../../shared/templates.ts';
import { classTextFeatures } from '../../engine/models/text-features.ts';
import { csvField } from '../../engine/report/predictions.ts';
import { type Command, EXIT, list, only, text, texts, UsageError } from '../command.ts';
import { openDataset } from '../datasets.ts';
import { type EmbeddedDataset, embedDataset, normaliseRows, openEmbedder } from '../embedding.ts';
import { modelParents, readTemplates } from '../inputs.ts';
import { makeFolder, writeFile } from '../output.ts';
import { withLab } from '../session.ts';

/** CLIP's own; a model may state another. */
const DEFAULT_SCALE = 100;

export const classify: Command = {
  usage: 'DIR --model ID|PATH --labels a,b,c',
  help: `  --model ID|PATH     a model with a text side, such as CLIP
  --labels a,b,c      the labels, in words; at least two
  --templates T       captions with {} for the label: a text, a file with one a line, or a built-in set; several may be given
  --out FILE.csv      (default: stdout)
  --device D          cpu, webgpu, cuda, dml, coreml or auto
  --threads N         (default: all cores)

Columns: path, predicted, p, then the probability of each label.
`,
  examples: [
    'classify ~/photos --model clip-vit-base-patch32 --labels "a dog,a cat,nothing" > sorted.csv',
    'classify ~/photos --model clip-vit-base-patch32 --labels dog,cat --templates "a blurry photo of a {}." --out sorted.csv',
  ],
  options: {
    model: { type: 'string' },
    labels: { type: 'string' },
    templates: { type: 'string', multiple: true },
    out: { type: 'string' },
    device: { type: 'string' },
    threads: { type: 'string' },
  },
  async run(positionals, values) {
    const source = only(positionals, 'The folder', 'classify');
    const model = text(values, 'model');
    if (model === undefined)
      throw new UsageError(
        '--model is missing: a model with a text side, such as clip-vit-base-patch32 (see lab models).',
      );
    const labels = list(text(values, 'labels') ?? '');
    if (new Set(labels).size < 2)
      throw new UsageError('--labels needs at least two different labels, separated by commas.');
    const twice = labels.find((label, i) => labels.indexOf(label) !== i);
    if (twice !== undefined) throw new UsageError(`--labels names "${twice}" twice.`);
    const templates = readTemplates(texts(values, 'templates'));
    const out = text(values, 'out');
    if (out !== undefined) makeFolder(path.dirname(path.resolve(out)));
    const work = async (session: Parameters<Parameters<typeof withLab>[1]>[0]) => {
      const embedder = await openEmbedder(session, model, values);
      if (!embedder.text)
        throw new LabError(
          'unsupported',
          `${embedder.name} has no text side, so it cannot compare images with words. Choose a model such as CLIP (lab models).`,
        );
      const dataset = await openDataset(session, { source });
      const embedded = await embedDataset(session, dataset, embedder);
      const words = await classTextFeatures(
        embedder,
        labels,
        templates.length > 0 ? templates : DEFAULT_TEMPLATES,
        session.signal,
      );
      const csv = toCsv(embedded, words, labels);
      if (out === undefined) process.stdout.write(csv);
      else await writeFile(out, csv);
      for (const { path: file, reason } of embedded.excluded) session.progress.say(`Left out: ${file}: ${reason}`);
      return EXIT.ok;
    };
    return withLab(values, work, { modelsDirs: modelParents([model]) });
  },
};

/** softmax(scale x cosine) of every image over the labels. */
function toCsv({ embedder, items, features }: EmbeddedDataset, words: Float32Array, labels: string[]): string {
  const { dim } = embedder;
  const rows = normaliseRows(features, dim);
  const scale = embedder.scale ?? DEFAULT_SCALE;
  const lines = items.map((item, i) => {
    const logits = labels.map((_, c) => {
      let dot = 0;
      for (let d = 0; d < dim; d++) dot += rows[i * dim + d]! * words[c * dim + d]!;
      return scale * dot;
    });
    const most = Math.max(...logits);
    const raised = logits.map((logit) => Math.exp(logit - most));
    const sum = raised.reduce((a, b) => a + b, 0);
    const p = raised.map((value) => value / sum);
    const best = p.indexOf(Math.max(...p));
    return [
      csvField(item.path),
      csvField(labels[best]!),
      ...[p[best]!, ...p].map((value) => String(Number(value.toPrecision(6)))),
    ].join(',');
  });
  return `${['path', 'predicted', 'p', ...labels].map(csvField).join(',')}\r\n${lines.map((line) => `${line}\r\n`).join('')}`;
}
