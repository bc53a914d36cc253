// `lab compare`: the main job. Embeds a folder, fits every method at every shot count and seed, writes the report.
import path from 'node:path';
import { count } from '../../../shared/chart/words.ts';
import { type Dataset, LabError } from '../../../shared/contract.ts';
import { type FinetuneSettings, TRAINED_METHOD_IDS } from '../../../shared/finetune.ts';
import type { Report } from '../../../shared/report.ts';
import { modelKey } from '../../engine/jobs/compare.ts';
import { type Outcome, storedOutcome } from '../../engine/report/outcome.ts';
import { type Command, EXIT, flag, fraction, only, text, texts, UsageError, type Values, whole } from '../command.ts';
import { openDataset, withTestFraction } from '../datasets.ts';
import {
  modelParents,
  readClassNames,
  readDevice,
  readMethods,
  readShots,
  readTemplates,
  readThreads,
  resolveModel,
  wordsByClass,
} from '../inputs.ts';
import { makeFolder, missing, resultTable, writeOutputs } from '../output.ts';
import { type Session, withLab } from '../session.ts';
import { givenTraining, readTraining, trainingOptions } from '../training.ts';

const OUT = 'lab-report';

export const compare: Command = {
  usage: 'DIR | LIST.csv | demo | --features X.npy --labels Y.csv',
  help: `  --model ID|PATH     a backbone, by id (lab models) or folder; ID:OUTPUT picks an output; several may be given
                      (default: hog, which is built in and not pretrained)
  --methods A,B       on frozen features: zero-shot, nearest-mean, knn, linear-probe, discriminant, zs-probe, clap
                      (default: all of these that apply); training the encoder, which takes minutes a row: fine-tune,
                      last-blocks, lora, biases, lp-ft, flyp
  --shots 1,2,all     labelled images per class (default: 1,2,4,8,16)
  --seeds N           draws of the labelled images (default: 5)
  --templates T       captions with {} for the class: a text, a file with one a line, or a built-in set; several may be given
  --class-names FILE  words for captions: JSON {class: words}, a list in the order of the classes, or CSV class,words
  --test-dir DIR      the test images, by class; without it the folder's test/ is used where there is one
  --test-fraction F   draw this share of each class as the test, for this run (default: 0.2 where the folder has no test split)
  --epochs E, --lr X, --batch B, --augment none|flip|crop|strong, --steps-per-shot N, --encoders both|vision
                      for the methods that train (default: each method's own); see lab finetune --help
  --device D          cpu, webgpu, cuda, dml, coreml or auto
  --threads N         (default: all cores)
  --out DIR           where report.json, predictions.csv, chart.svg, chart.png, report.html go (default: ${OUT})
  --json              print report.json alone on stdout, and write files only with --out

  --features X.npy    features instead of images: float16 or float32, [n, d]
  --labels Y.csv      row i labels row i of X; columns label[,split,path]; an empty label is left out
  --text-features T   .npy [classes, d] for zero-shot, a row for each of --class-names (or of the sorted labels)
                      (--model, --templates, --test-dir, --device and what trains have nothing to do here)

The folder is kept as a dataset of the data folder: a second run scans it again and embeds only what is new.
Exit code: 0 when every row asked for is there, 3 when some are missing (said on stderr), 1 for an error, 2 for a wrong command line.
`,
  examples: [
    'compare demo',
    'compare ~/flowers --model clip-vit-base-patch32 --shots 1,2,4,8,16,all --out flowers-report',
    'compare ~/birds --model ~/models/dinov2-small --model hog --methods linear-probe,knn --seeds 10 --json > report.json',
    'compare --features X.npy --labels y.csv --text-features T.npy --class-names names.json',
  ],
  options: {
    model: { type: 'string', multiple: true },
    methods: { type: 'string' },
    shots: { type: 'string' },
    seeds: { type: 'string' },
    templates: { type: 'string', multiple: true },
    'class-names': { type: 'string' },
    'test-dir': { type: 'string' },
    'test-fraction': { type: 'string' },
    ...trainingOptions,
    device: { type: 'string' },
    threads: { type: 'string' },
    out: { type: 'string' },
    json: { type: 'boolean' },
    features: { type: 'string' },
    labels: { type: 'string' },
    'text-features': { type: 'string' },
  },
  async run(positionals, values) {
    const plan = readPlan(values);
    if (text(values, 'features') !== undefined) {
      const idle = OF_IMAGES.find((name) => values[name] !== undefined);
      if (idle) throw new UsageError(`--${idle} does nothing with --features: there are no images. Leave it out.`);
      if (positionals.length > 0) throw new UsageError(`Either a folder (${positionals[0]}) or --features, not both.`);
      const { compareFeatures } = await import('../features.ts');
      return present(await compareFeatures(plan, values), values);
    }
    for (const name of ['labels', 'text-features'])
      if (text(values, name) !== undefined) throw new UsageError(`--${name} goes with --features.`);
    const source = only(positionals, 'The folder', 'compare');
    const [training] = givenTraining(values);
    if (training && !plan.methods.some((id) => TRAINED_METHOD_IDS.some((trained) => trained === id)))
      throw new UsageError(
        `--${training} goes with methods that train the encoder: ${TRAINED_METHOD_IDS.join(', ')}. Name one with --methods.`,
      );
    if (text(values, 'test-dir') !== undefined && text(values, 'test-fraction') !== undefined)
      throw new UsageError('Either --test-dir or --test-fraction, not both.');
    const extra = { modelsDirs: modelParents(texts(values, 'model')) };
    return withLab(values, (session) => compareImages(session, source, plan, values), extra);
  },
};

/** Options that say something of images or of a model that looks at them. */
const OF_IMAGES = ['model', 'templates', 'test-dir', 'device', ...Object.keys(trainingOptions)];

export type Plan = {
  methods: ReturnType<typeof readMethods>;
  shots: ReturnType<typeof readShots>;
  seeds: number;
  threads: number | undefined;
  device: string | undefined;
  templates: string[];
  testFraction: number | undefined;
  training: FinetuneSettings;
};

/** Everything that can be wrong about the options is found before anything is opened. */
function readPlan(values: Values): Plan {
  // the usual folder is made where the shell stands
  const out = text(values, 'out') ?? (flag(values, 'json') ? undefined : '.');
  if (out !== undefined) makeFolder(path.resolve(out));
  const shots = readShots(text(values, 'shots') ?? '1,2,4,8,16');
  if (shots.length === 0) throw new UsageError('--shots names no shot count.');
  const methods = text(values, 'methods');
  const seeds = whole(values, 'seeds', 1) ?? 5;
  if (seeds > 100) throw new UsageError(`--seeds ${seeds}: at most 100.`);
  return {
    methods: methods === undefined ? [] : readMethods(methods),
    shots,
    seeds,
    threads: readThreads(values),
    device: readDevice(values),
    templates: readTemplates(texts(values, 'templates')),
    training: readTraining(values),
    testFraction: fraction(values, 'test-fraction', text(values, 'features') !== undefined),
  };
}

async function compareImages(session: Session, source: string, plan: Plan, values: Values): Promise<number> {
  const given = texts(values, 'model');
  const models: Awaited<ReturnType<typeof resolveModel>>[] = [];
  for (const model of given.length > 0 ? given : ['hog']) models.push(await resolveModel(session, model));
  const twice = models.map(modelKey).find((key, i, keys) => keys.indexOf(key) !== i);
  if (twice) throw new UsageError(`--model ${twice} is given twice.`);
  const namesFile = text(values, 'class-names');
  const words = namesFile === undefined ? {} : readClassNames(namesFile);
  const known = await openDataset(session, { source, testDir: text(values, 'test-dir') });
  return withTestFraction(session, known, plan.testFraction, async (dataset) => {
    session.progress.say(datasetLine(dataset));
    const { device, threads } = plan;
    const classes = dataset.classes.map((one) => one.name);
    const { comparisonId, job } = await session.client.call('compare.start', {
      datasetId: dataset.id,
      models,
      methods: plan.methods,
      shots: plan.shots,
      seeds: plan.seeds,
      templates: plan.templates,
      training: plan.training,
      classNames: wordsByClass(words, classes, namesFile ?? ''),
      ...(device === undefined ? {} : { device }),
      ...(threads === undefined ? {} : { threads }),
    });
    await session.wait(job);
    return present(storedOutcome(session.running.engine.db, comparisonId), values);
  });
}

function datasetLine({ name, items, classes, splitSource, splitSeed, testFraction, problems, leaks }: Dataset): string {
  const sum = (split: 'train' | 'val' | 'test') => classes.reduce((total, one) => total + one[split], 0);
  const split = splitSource === 'stratified' ? `, split by seed ${splitSeed}, test ${testFraction}` : '';
  const parts = [
    `${count(items, 'image')}, ${count(classes.length, 'class', 'classes')}, ${sum('train')} train, ${sum('val')} val, ${sum('test')} test${split}`,
  ];
  if (problems > 0) parts.push(`${problems} with a problem`);
  if (leaks > 0) parts.push(`${leaks} of the test also in train`);
  return `${name}: ${parts.join(', ')}`;
}

/** Writes the files, prints the table or the JSON, says what is missing. */
async function present(outcome: Outcome, values: Values): Promise<number> {
  const { report } = outcome;
  const json = flag(values, 'json');
  const out = text(values, 'out') ?? (json ? undefined : OUT);
  const folder = out === undefined ? null : await writeOutputs(outcome, out);
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(`${resultTable(report)}\nWritten to ${folder}: open report.html.\n`);
  for (const line of missing(report)) process.stderr.write(`${line}\n`);
  checkRows(report);
  return report.complete ? EXIT.ok : EXIT.incomplete;
}

function checkRows(report: Report): void {
  if (report.results.length === 0 && report.complete)
    throw new LabError('internal', 'The comparison ended without a row and without a reason.');
}
