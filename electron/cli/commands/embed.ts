// `lab embed`: a folder's features as a NumPy file, with a CSV that says what each row is.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { writeNpy } from '../../engine/npy.ts';
import { csvField } from '../../engine/report/predictions.ts';
import { type Command, EXIT, flag, only, text, UsageError } from '../command.ts';
import { openDataset } from '../datasets.ts';
import { embedDataset, normaliseRows, openEmbedder } from '../embedding.ts';
import { modelParents } from '../inputs.ts';
import { makeFolder, writeFile } from '../output.ts';
import { withLab } from '../session.ts';

export const embed: Command = {
  usage: 'DIR --model ID|PATH --out FILE.npy',
  help: `  --model ID|PATH     the backbone (default: hog); ID:OUTPUT picks an output
  --out FILE.npy      [n, d], row i is line i of FILE.csv
  --raw               as the model gives them; otherwise every row has length 1
  --device D          cpu, webgpu, cuda, dml, coreml or auto
  --threads N         (default: all cores)
  --json              print {items, dim, model, excluded, seconds, sha256} on stdout
`,
  examples: ['embed ~/flowers --model clip-vit-base-patch32 --out flowers.npy', 'embed ~/flowers --out hog.npy --raw'],
  options: {
    model: { type: 'string' },
    out: { type: 'string' },
    raw: { type: 'boolean' },
    device: { type: 'string' },
    threads: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(positionals, values) {
    const source = only(positionals, 'The folder', 'embed');
    const out = text(values, 'out');
    if (out === undefined) throw new UsageError('--out FILE.npy is missing. See: lab embed --help');
    if (!/\.npy$/i.test(out)) throw new UsageError(`--out ${out}: the name must end in .npy.`);
    makeFolder(path.dirname(path.resolve(out)));
    const model = text(values, 'model') ?? 'hog';
    const work = async (session: Parameters<Parameters<typeof withLab>[1]>[0]) => {
      const embedder = await openEmbedder(session, model, values);
      const dataset = await openDataset(session, { source });
      const start = performance.now();
      const { items, classes, features, excluded } = await embedDataset(session, dataset, embedder);
      const seconds = (performance.now() - start) / 1000;
      const rows = flag(values, 'raw') ? features : normaliseRows(features, embedder.dim);
      const bytes = writeNpy(rows, [items.length, embedder.dim]);
      const csv = out.replace(/\.npy$/i, '.csv');
      await writeFile(out, bytes);
      const lines = items.map((item) =>
        [item.path, item.hash, classes[item.label] ?? '', item.split ?? ''].map(csvField).join(','),
      );
      await writeFile(csv, `path,sha256,label,split\r\n${lines.map((line) => `${line}\r\n`).join('')}`);
      for (const { path: file, reason } of excluded) session.progress.say(`Left out: ${file}: ${reason}`);
      const about = {
        items: items.length,
        dim: embedder.dim,
        model,
        output: embedder.output,
        excluded,
        seconds,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      };
      process.stdout.write(
        flag(values, 'json')
          ? `${JSON.stringify(about, null, 2)}\n`
          : `${items.length} rows of ${embedder.dim} (${embedder.output}) in ${seconds.toFixed(1)} s: ${out} and ${csv}\n`,
      );
      return EXIT.ok;
    };
    return withLab(values, work, { modelsDirs: modelParents([model]) });
  },
};
