// `lab search`: the images of a folder nearest to a text or to another image.
import path from 'node:path';
import { LabError } from '../../../shared/contract.ts';
import { type Command, EXIT, flag, only, text, UsageError, type Values, whole } from '../command.ts';
import { openDataset } from '../datasets.ts';
import { embedDataset, openEmbedder } from '../embedding.ts';
import { modelParents, readDevice, readThreads, resolveModel } from '../inputs.ts';
import { align } from '../output.ts';
import { type Session, withLab } from '../session.ts';

const NEAREST = 20;

export const search: Command = {
  usage: 'DIR --text T | --image F [-k K]',
  help: `  --text T            in words; needs a model with a text side
  --image F           an image file
  -k K                how many (default: ${NEAREST})
  --model ID|PATH     ID:OUTPUT picks an output (default: for a text the first installed model with a text side, for an image hog)
  --json              [{path, label, similarity}] on stdout
`,
  examples: [
    'search ~/photos --text "a dog on a beach" --model clip-vit-base-patch32',
    'search ~/photos --image dog.jpg -k 5',
  ],
  options: {
    text: { type: 'string' },
    image: { type: 'string' },
    k: { type: 'string', short: 'k' },
    model: { type: 'string' },
    device: { type: 'string' },
    threads: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(positionals, values) {
    const source = only(positionals, 'The folder', 'search');
    const [words, image] = [text(values, 'text'), text(values, 'image')];
    if ((words === undefined) === (image === undefined))
      throw new UsageError('Either --text or --image is needed, one of the two.');
    const k = whole(values, 'k', 1) ?? NEAREST;
    if (k > 1000) throw new UsageError(`-k ${k}: at most 1000.`);
    const given = text(values, 'model');
    const work = async (session: Session) => {
      const model = given ?? (words === undefined ? 'hog' : await firstWithText(session));
      const dataset = await openDataset(session, { source });
      await embedDataset(session, dataset, await openEmbedder(session, model, values));
      const { id, ...output } = await resolveModel(session, model);
      const [device, threads] = [readDevice(values), readThreads(values)];
      const found = await session.client.call('search', {
        datasetId: dataset.id,
        model: id,
        ...output,
        ...(device === undefined ? {} : { device }),
        ...(threads === undefined ? {} : { threads }),
        k,
        ...(words === undefined ? { imagePath: path.resolve(image!) } : { text: words }),
      });
      print(found, values);
      return EXIT.ok;
    };
    return withLab(values, work, { modelsDirs: given === undefined ? [] : modelParents([given]) });
  },
};

async function firstWithText({ client }: Session): Promise<string> {
  const model = (await client.call('model.list', {})).find((one) => one.installed && one.hasText);
  if (!model)
    throw new LabError(
      'unsupported',
      'No installed model has a text side. Download one, such as CLIP (lab models), or search by --image.',
    );
  return model.id;
}

function print(found: { path: string; label: string | null; similarity: number }[], values: Values): void {
  if (flag(values, 'json')) {
    const rows = found.map(({ path: file, label, similarity }) => ({ path: file, label, similarity }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  process.stdout.write(
    `${align(found.map((one) => [one.path, one.similarity.toFixed(4), one.label ?? ''])).join('\n')}\n`,
  );
}
