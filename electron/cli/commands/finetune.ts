// `lab finetune`: trains a model's own weights on a folder, says what it gained and lost, saves it as a model of its own.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Job, LabError } from '../../../shared/contract.ts';
import {
  FINETUNE_METHOD_IDS,
  type FinetuneParams,
  type FinetuneReport,
  finetuneParams,
  HEAD_METHOD_IDS,
} from '../../../shared/finetune.ts';
import { type Command, EXIT, flag, list, only, text, texts, UsageError, type Values, whole } from '../command.ts';
import { openDataset } from '../datasets.ts';
import { forecastLine, misfit } from '../forecast.ts';
import {
  modelParents,
  readClassNames,
  readDevice,
  readShots,
  readTemplates,
  readThreads,
  resolveModel,
  wordsByClass,
} from '../inputs.ts';
import { type Session, withLab } from '../session.ts';
import { furtherOptions, givenTraining, readTraining, trainingOptions } from '../training.ts';

export const finetune: Command = {
  usage: 'DIR --model ID|PATH [--out MODELDIR]',
  help: `  --model ID|PATH     the model to train, by id (lab models) or folder; ID:OUTPUT picks the feature
  --method M          ${FINETUNE_METHOD_IDS.join(', ')} (default: fine-tune)
  --shots N|all       labelled images per class to train on (default: all)
  --seed S            of the draw, the order and the augmentation (default: 0)
  --out MODELDIR      the new model, a folder in the Hugging Face ONNX layout; it must not exist yet
                      (without it nothing is saved but the run, which the screen Fine-tune shows)
  --wise A            weights between before (0) and after (1) to save (default: 1)
  --epochs E, --lr X, --batch B, --augment none|flip|crop|strong
                      (default: each method's own)
  --micro-batch N, --head-lr X, --weight-decay X, --warmup F, --clip X, --ema X, --smoothing X, --block-rate X, --patience N
                      images at once, the head's rate, and so on; see README
  --recompute         work activations out again in the backward pass: less memory, about a third more time
  --blocks K          last-blocks: how many
  --rank R, --alpha A, --targets q,k,v,o,mlp,all, --dropout P, --encoders both|vision
                      lora; on both encoders, which is its own for a transformer with a text side, classes are told apart by
                      captions; on vision alone by a head
  --steps-per-shot N  instead of --epochs: as many as come nearest to N steps for each label of a class (CLIP-LoRA: 500)
  --control DIR       images of other things: what the model could tell apart before, and still can
  --control-labels a,b,c
                      words for the control set's classes, in their order (default: the folders' names)
  --templates T, --class-names FILE
                      captions, as in lab compare
  --device D, --threads N
  --force             run even where the forecast says that it cannot fit
  --json              print the run's report on stdout

Before it trains it says what that will take, from a few measured steps; what cannot fit is refused with what can.
A run that was cut off (kill, power) goes on from its last checkpoint when the same command is given again; Ctrl C gives it up.
One label per image: multi-label and regression heads are not trained here.
`,
  examples: [
    'finetune ~/flowers --model clip-vit-base-patch32 --method lora --shots 16 --out flowers-lora',
    'finetune ~/flowers --model mobilenet-v2-imagenet --epochs 10 --control ~/animals --out flowers-mobilenet --json',
  ],
  options: {
    model: { type: 'string' },
    method: { type: 'string' },
    shots: { type: 'string' },
    seed: { type: 'string' },
    out: { type: 'string' },
    wise: { type: 'string' },
    ...trainingOptions,
    ...furtherOptions,
    control: { type: 'string' },
    'control-labels': { type: 'string' },
    templates: { type: 'string', multiple: true },
    'class-names': { type: 'string' },
    device: { type: 'string' },
    threads: { type: 'string' },
    force: { type: 'boolean' },
    json: { type: 'boolean' },
  },
  async run(positionals, values) {
    const source = only(positionals, 'The folder', 'finetune');
    const model = text(values, 'model');
    if (model === undefined) throw new UsageError('--model is missing: fine-tuning needs a model. See: lab models');
    const out = text(values, 'out');
    if (out !== undefined) checkOut(out);
    const plan = readPlan(values);
    return withLab(values, (session) => run(session, source, model, out, plan, values), {
      modelsDirs: modelParents([model]),
    });
  },
};

const OWN_OPTIONS = [
  ['blocks', 'last-blocks'],
  ['rank', 'lora'],
  ['alpha', 'lora'],
  ['targets', 'lora'],
  ['dropout', 'lora'],
  ['encoders', 'lora'],
] as const;

const isHeadOnly = (method: string) => HEAD_METHOD_IDS.some((id) => id === method);

/** Everything that would come to light after hours of training. */
function checkOut(out: string): void {
  if (existsSync(out)) throw new UsageError(`--out ${out}: there is something there already. Name a new folder.`);
  let parent = path.dirname(path.resolve(out));
  while (!existsSync(parent)) parent = path.dirname(parent);
  if (!statSync(parent).isDirectory()) throw new UsageError(`--out ${out}: ${parent} is a file, not a folder.`);
}

function readPlan(values: Values) {
  const given = text(values, 'method') ?? 'fine-tune';
  const method = FINETUNE_METHOD_IDS.find((id) => id === given);
  if (!method)
    throw new UsageError(`--method: there is no method "${given}". There are: ${FINETUNE_METHOD_IDS.join(', ')}.`);
  const [shots = 'all', ...more] = readShots(text(values, 'shots') ?? 'all');
  if (more.length > 0) throw new UsageError('--shots takes one number here, or all.');
  const given01 = text(values, 'wise') ?? '1';
  const wise = given01.trim() === '' ? Number.NaN : Number(given01);
  if (!(wise >= 0 && wise <= 1)) throw new UsageError(`--wise ${given01}: a number from 0 to 1 is needed.`);
  if (text(values, 'wise') !== undefined && text(values, 'out') === undefined)
    throw new UsageError('--wise chooses what is saved, so it goes with --out.');
  for (const [name, owner] of OWN_OPTIONS)
    if (owner !== method && text(values, name) !== undefined)
      throw new UsageError(`--${name} goes with --method ${owner}; ${method} has no such setting.`);
  const [training] = givenTraining(values);
  if (isHeadOnly(method) && training !== undefined)
    throw new UsageError(`--${training} goes with methods that train the encoder; ${method} trains the head alone.`);
  const labels = list(text(values, 'control-labels') ?? '');
  if (labels.length > 0 && text(values, 'control') === undefined)
    throw new UsageError('--control-labels goes with --control.');
  return {
    method,
    shots,
    seed: whole(values, 'seed', 0) ?? 0,
    wise,
    labels,
    settings: readTraining(values),
    templates: readTemplates(texts(values, 'templates')),
    device: readDevice(values),
    threads: readThreads(values),
  };
}

async function run(
  session: Session,
  source: string,
  modelGiven: string,
  out: string | undefined,
  plan: ReturnType<typeof readPlan>,
  values: Values,
): Promise<number> {
  const { client, progress } = session;
  const model = await resolveModel(session, modelGiven);
  const dataset = await openDataset(session, { source });
  const controlDir = text(values, 'control');
  const control = controlDir === undefined ? null : await openDataset(session, { source: controlDir });
  const { labels } = plan;
  if (control && labels.length > 0 && labels.length !== control.classes.length)
    throw new UsageError(
      `--control-labels has ${labels.length} names for the ${control.classes.length} classes of ${control.name}: ${control.classes.map((one) => one.name).join(', ')}.`,
    );
  const namesFile = text(values, 'class-names');
  const asked = finetuneParams.parse({
    datasetId: dataset.id,
    model,
    method: plan.method,
    shots: plan.shots,
    seed: plan.seed,
    settings: plan.settings,
    templates: plan.templates,
    classNames:
      namesFile === undefined
        ? {}
        : wordsByClass(
            readClassNames(namesFile),
            dataset.classes.map((one) => one.name),
            namesFile,
          ),
    control: control ? { datasetId: control.id, labels } : null,
    ...(plan.device === undefined ? {} : { device: plan.device }),
    ...(plan.threads === undefined ? {} : { threads: plan.threads }),
  });
  const { finetuneId, job } = (await cutOff(session, asked)) ?? (await begin(session, asked, flag(values, 'force')));
  await session.wait(job);
  const { report } = await client.call('finetune.get', { id: finetuneId });
  if (!report) throw new LabError('internal', 'The run ended without a report.');
  const { exportRun } = await import('../../engine/finetune/save.ts'); // a wrong command line is answered without it
  if (out !== undefined)
    try {
      await exportRun(session.running.engine, finetuneId, plan.wise, path.resolve(out));
    } catch (error) {
      progress.say('The run is kept: the screen Fine-tune (lab serve) saves it as a model without training again.');
      throw error;
    }
  if (flag(values, 'json')) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(summary(report, out));
  if (report.controlProblem && isHeadOnly(plan.method)) progress.say(report.controlProblem); // others warn as they run
  for (const { path: file, reason } of report.excluded) progress.say(`Left out: ${file}: ${reason}`);
  return EXIT.ok;
}

/** The same run, if one was cut off: it goes on. */
async function cutOff(
  { client, progress }: Session,
  asked: FinetuneParams,
): Promise<{ finetuneId: number; job: Job } | null> {
  for (const { id, jobId, accuracy } of await client.call('finetune.list', {})) {
    if (accuracy !== null) continue;
    const { params } = await client.call('finetune.get', { id });
    if (!isDeepStrictEqual(params, asked)) continue;
    const { status } = await client.call('job.get', { id: jobId });
    if (status !== 'interrupted' && status !== 'paused') continue;
    progress.say('Going on with the run that was cut off.');
    return { finetuneId: id, job: await client.call('job.resume', { id: jobId }) };
  }
  return null;
}

/** Says what the run will take, and starts it where it fits. */
async function begin(
  { client, progress, signal }: Session,
  asked: FinetuneParams,
  force: boolean,
): Promise<{ finetuneId: number; job: Job }> {
  if (!isHeadOnly(asked.method)) {
    const told = await client.call('finetune.forecast', asked);
    signal.throwIfAborted();
    const problem = misfit(told);
    if (problem !== null && !force) throw new LabError('bad-request', problem);
    progress.say(problem === null ? `Forecast: ${forecastLine(told)}.` : told.problem!);
  }
  return client.call('finetune.start', asked);
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
const points = (value: number) => `${value < 0 ? '-' : '+'}${Math.abs(100 * value).toFixed(1)}`;

function summary(report: FinetuneReport, out: string | undefined): string {
  const { test, before, control, epochs, best, counts, seconds } = report;
  const gain = test.accuracy - (before.zeroShot ?? before.probe);
  const trained = `${report.trainedParameters.toLocaleString('en')} numbers trained`;
  const lines = [
    `${report.method} of ${report.model.name} on ${report.dataset.name}: ${counts.train} images (${report.shots} a class, seed ${report.seed}), ${percent(test.accuracy)} on ${counts.test} test images`,
    `  the probe on the same images: ${percent(before.probe)} (${points(test.accuracy - before.probe)})${before.zeroShot === null ? '' : `; zero-shot: ${percent(before.zeroShot)} (${points(test.accuracy - before.zeroShot)})`}`,
    ...(control
      ? [
          `  on the control set ${control.name}: ${percent(control.before)} before, ${percent(control.after)} after`,
          `  ${points(gain)} on yours, ${points(control.after - control.before)} on the control`,
        ]
      : []),
    isHeadOnly(report.method)
      ? `  ${trained}, the head alone`
      : `  ${trained}, ${epochs.length} epochs, the best was ${best}, ${seconds.toFixed(0)} s on ${report.device}`,
    ...(out === undefined ? [] : [`Saved to ${path.resolve(out)}.`]),
  ];
  return `${lines.join('\n')}\n`;
}
