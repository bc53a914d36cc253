// The README.md of a fine-tuned model, written from its run: what it was made of, what it is worth, how to load it, where it ends.
import path from 'node:path';
import { METHOD_STYLES } from '../../../shared/chart/style.ts';
import type { FinetuneReport, ResolvedSettings } from '../../../shared/finetune.ts';
import { channelsLast } from '../models/folder.ts';
import type { OnnxValue } from '../models/onnx-header.ts';
import { DELTA, type ExportFacts, TEXT_DELTA } from './export.ts';

/** `alpha`: the point between the weights before (0) and after (1) that is saved. */
export type CardInput = { report: FinetuneReport; alpha: number };
export type Card = (facts: ExportFacts) => string;

export const modelCard =
  (run: CardInput): Card =>
  (facts) =>
    [
      frontMatter(run, facts),
      summary(run, facts),
      data(run.report),
      training(run.report, facts),
      results(run),
      loading(facts),
      limits(run, facts),
    ]
      .join('\n\n')
      .concat('\n');

/** A fraction as people read it. */
const percent = (fraction: number) => `${(100 * fraction).toFixed(1)} %`;
const points = (from: number, to: number) => `${to < from ? '−' : '+'}${Math.abs(100 * (to - from)).toFixed(1)}`;
/** Text inside a table or a line of its own: nothing in it may end the cell. */
const plain = (text: string) => text.replace(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
const count = (n: number) => n.toLocaleString('en-GB');
const images = (n: number) => `${count(n)} ${n === 1 ? 'image' : 'images'}`;

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map(plain).join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** A JSON string is a YAML one. */
const yaml = (text: string) => JSON.stringify(text);

function frontMatter({ report }: CardInput, { source }: ExportFacts): string {
  const { licence } = report.model;
  const known = licence !== null && /^[\w.-]+$/.test(licence);
  return [
    '---',
    ...(licence === null ? [] : known ? [`license: ${licence}`] : ['license: other', `license_name: ${yaml(licence)}`]),
    ...(source.repo ? [`base_model: ${yaml(source.repo)}`] : []),
    'library_name: onnx',
    'pipeline_tag: image-classification',
    'tags: [fewshot-lab, fine-tuned, image-classification]',
    '---',
  ].join('\n');
}

function summary({ report, alpha }: CardInput, { name, classes }: ExportFacts): string {
  const mixed =
    alpha === 1
      ? ''
      : ` The weights are ${percent(alpha)} of the way from those before fine-tuning to those after it (WiSE-FT).`;
  return `# ${plain(name)}

${plain(report.model.name)} fine-tuned on ${plain(report.dataset.name)} to tell ${classes.length} classes apart: ${classes.map(plain).join(', ')}.${mixed}

Made with Fewshot Lab on ${report.createdAt.slice(0, 10)}.`;
}

function data({ dataset, counts, shots, seed, excluded }: FinetuneReport): string {
  const kept = shots === 'all' ? 'all labelled images' : `${shots} ${shots === 1 ? 'image' : 'images'} of each class`;
  const left =
    counts.excluded === 0
      ? ''
      : `\n\n${images(counts.excluded)} left out${excluded[0] ? `, such as ${plain(excluded[0].path)} (${plain(excluded[0].reason)})` : ''}.`;
  return `## Data

${table(
  ['', 'images'],
  [
    ['training', count(counts.train)],
    ['validation (chooses the epoch)', count(counts.validation)],
    ['test (looked at once)', count(counts.test)],
  ],
)}

Dataset ${plain(dataset.name)}, ${kept}, drawn with seed ${seed}.${left}`;
}

const SETTING_NAMES: Record<keyof ResolvedSettings, string> = {
  epochs: 'epochs at most',
  lr: 'learning rate (peak)',
  headLr: 'learning rate of the head',
  batch: 'batch',
  microBatch: 'images at once',
  recompute: 'activations worked out again',
  weightDecay: 'weight decay',
  warmup: 'warm-up, part of all steps',
  clip: 'gradient norm at most',
  ema: 'moving average keeps',
  smoothing: 'label smoothing',
  blockRate: 'learning rate, block to block',
  augment: 'augmentation',
  patience: 'patience, epochs',
  blocks: 'blocks trained',
  rank: 'rank',
  alpha: 'LoRA alpha',
  targets: 'LoRA targets',
  dropout: 'dropout',
  encoders: 'LoRA goes on the encoders',
};

function training(report: FinetuneReport, { changed, head, file, textFile, textTrained }: ExportFacts): string {
  const settings = Object.entries(report.settings)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [SETTING_NAMES[key as keyof ResolvedSettings] ?? key, String(value)]);
  const begun = report.head === 'zero-shot' ? 'began from the captions of the classes' : 'began from a linear probe';
  const became = textTrained ? 'is the features of the classes’ captions, as the trained text side gives them' : begun;
  const deltas = textTrained && textFile !== file ? `${DELTA} and ${TEXT_DELTA}` : DELTA;
  return `## Training

${METHOD_STYLES[report.method].name}: ${count(report.trainedParameters)} of ${count(report.parameters)} numbers were trained, ${changed.tensors} tensors of the ${textTrained ? 'two towers' : 'file'} changed (${count(changed.numbers)} numbers; all of them are in ${deltas} too).${head ? ` The head ${became}; it reads \`${head.feature}\`${head.normalised ? ', brought to length 1' : ''}.` : ''}

${table(['setting', 'value'], settings)}

${report.epochs.length} epochs in ${duration(report.seconds)} on ${report.device}; epoch ${report.best} was kept. It ended: ${report.ended}. Optimizer AdamW, cosine schedule, seed ${report.seed}.`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function results({ report, alpha }: CardInput): string {
  const { before, test, control, wise } = report;
  const at = nearest(wise, alpha);
  const rows: string[][] = [];
  if (before.zeroShot !== null)
    rows.push(['test, before: captions, no training (zero-shot)', percent(before.zeroShot), '']);
  rows.push(['test, before: linear probe on the same images', percent(before.probe), '']);
  rows.push([
    `test, after${alpha === 1 ? '' : ' (at alpha 1, not the saved point)'}`,
    percent(test.accuracy),
    points(before.probe, test.accuracy),
  ]);
  if (at?.validation != null) rows.push([`validation at alpha ${alpha}`, percent(at.validation), '']);
  if (control) {
    const how = control.by === 'captions' ? 'told apart by captions' : 'told apart by the model’s own classes';
    const what = `control: ${control.name}, ${images(control.items)}, ${control.classes} classes, ${how}`;
    rows.push([`${what}; before`, percent(control.before), '']);
    rows.push([`${what}; after`, percent(control.after), points(control.before, control.after)]);
    if (alpha !== 1 && at?.control != null)
      rows.push([`${what}; at alpha ${alpha}`, percent(at.control), points(control.before, at.control)]);
  }
  const notes = [
    'Top-1 accuracy; differences in percentage points.',
    ...(report.controlProblem ? [`There is no control figure: ${plain(report.controlProblem)}`] : []),
    ...(control || report.controlProblem
      ? []
      : ['No control set was chosen, so what the model forgot was not measured.']),
  ];
  return `## Accuracy\n\n${table(['measured on', 'accuracy', 'change'], rows)}\n\n${notes.join(' ')}`;
}

const nearest = (wise: FinetuneReport['wise'], alpha: number) =>
  wise.find((point) => Math.abs(point.alpha - alpha) < 1e-6);

// ---------------------------------------------------------------- how to load it

/** Files such as vision_model_fp16.onnx: what transformers.js calls their dtype. */
const VARIANTS: Record<string, string> = { _fp16: 'fp16', '': 'fp32' };

function loading(facts: ExportFacts): string {
  return `## Use

In Fewshot Lab it is a model like any other. Elsewhere, with this folder as the current one:

Python (\`pip install onnxruntime pillow numpy\`):

\`\`\`python
${python(facts)}
\`\`\`

JavaScript (\`npm install @huggingface/transformers\`):

\`\`\`js
${javascript(facts)}
\`\`\`

transformers.js resizes images a little otherwise than Pillow, as the lab and the Python above do: its scores differ slightly.`;
}

function python({ source, file }: ExportFacts): string {
  const { pixels, preprocessing: spec, header } = source.vision!;
  const list = (numbers: readonly number[]) => `[${numbers.join(', ')}]`;
  const resample = `Image.Resampling.${spec.resample.toUpperCase()}`;
  const resized: string[] = [];
  if (spec.resize.mode === 'exact')
    resized.push(`    image = image.resize((${spec.resize.width}, ${spec.resize.height}), ${resample})`);
  if (spec.resize.mode === 'shortest') {
    const { size } = spec.resize;
    resized.push(
      '    w, h = image.size',
      `    w, h = (${size}, int(${size} * h / w)) if w <= h else (int(${size} * w / h), ${size})`,
      `    image = image.resize((w, h), ${resample})`,
    );
  }
  if (spec.crop) {
    const half = (margin: string) => (spec.crop?.halves === 'even' ? `round((${margin}) / 2)` : `(${margin}) // 2`);
    resized.push(
      `    left, top = ${half(`image.width - ${spec.crop.width}`)}, ${half(`image.height - ${spec.crop.height}`)}`,
      `    image = image.crop((left, top, left + ${spec.crop.width}, top + ${spec.crop.height}))`,
    );
  }
  const type = { float16: 'np.float16', uint8: 'np.uint8' }[pixels.type] ?? 'np.float32';
  const order = channelsLast(pixels) ? 'x[None]' : 'x.transpose(2, 0, 1)[None]';
  const others = header.inputs.filter((input) => input.name !== pixels.name);
  return [
    'import json',
    'import numpy as np',
    'import onnxruntime as ort',
    'from PIL import Image, ImageOps',
    '',
    'labels = json.load(open("config.json", encoding="utf-8"))["id2label"]',
    `session = ort.InferenceSession(${JSON.stringify(file)})`,
    '',
    'def pixels(file):',
    '    image = ImageOps.exif_transpose(Image.open(file)).convert("RGB")',
    ...resized,
    `    x = np.asarray(image, np.float32)${spec.bgr ? '[:, :, ::-1]' : ''} * ${spec.rescale}`,
    `    x = (x - np.array(${list(spec.mean)}, np.float32)) / np.array(${list(spec.std)}, np.float32)`,
    `    return ${order}.astype(${type})`,
    '',
    'def classify(file):',
    `    feeds = {${[`${JSON.stringify(pixels.name)}: pixels(file)`, ...others.map(blankFeed)].join(', ')}}`,
    '    logits = session.run(["logits"], feeds)[0][0]',
    '    p = np.exp(logits - logits.max())',
    '    return sorted(zip(p / p.sum(), labels.values()), reverse=True)',
    '',
    'print(classify("image.jpg"))',
  ].join('\n');
}

/** The other tower of a file that holds both. */
function blankFeed({ name, shape, type }: OnnxValue): string {
  const dims = shape.map((size, i) => (typeof size === 'number' ? size : i === 0 ? 1 : 8));
  const made = name === 'attention_mask' ? 'ones' : 'zeros';
  return `${JSON.stringify(name)}: np.${made}((${dims.join(', ')},), np.${type})`;
}

function javascript({ file }: ExportFacts): string {
  const base = path.posix.basename(file, '.onnx');
  const variant = Object.keys(VARIANTS).find((suffix) => base.endsWith(suffix)) ?? '';
  const subfolder = path.posix.dirname(file);
  const options = [
    `model_file_name: '${base.slice(0, base.length - variant.length)}'`,
    `dtype: '${VARIANTS[variant]}'`,
    ...(subfolder === 'onnx' ? [] : [`subfolder: '${subfolder}'`]),
  ];
  return [
    "import { AutoModel, AutoProcessor, env, ImageClassificationPipeline } from '@huggingface/transformers';",
    '',
    'env.allowRemoteModels = false;',
    'const folder = process.cwd(); // a whole path: a bare name would be looked up as a repository',
    `const model = await AutoModel.from_pretrained(folder, { ${options.join(', ')} });`,
    'const processor = await AutoProcessor.from_pretrained(folder);',
    "const classify = new ImageClassificationPipeline({ task: 'image-classification', model, processor });",
    "console.log(await classify('image.jpg'));",
  ].join('\n');
}

function limits({ report }: CardInput, { source, textFile, textTrained }: ExportFacts): string {
  const lines = [
    `It knows ${report.classes.length} classes and answers one of them for any image, also for one that shows none of them.`,
    `Its accuracy was measured on ${images(report.counts.test)} of the same dataset; other cameras, places and times may differ.`,
    ...(textFile
      ? [
          textTrained
            ? 'The text side was trained with the images, against captions of these classes; captions of other things may match less well now.'
            : 'The text side is the base model’s, unchanged; captions of other things match its image features less well now.',
        ]
      : []),
    ...(report.control ? [] : ['What it can no longer do that the base model could was not measured.']),
    'One label per image: several labels and numbers to predict (regression) are not what it was made for.',
    report.model.licence === null
      ? `The licence of the base model (${plain(report.model.name)}) is not known here; look it up before passing this model on.`
      : `The base model’s licence carries over: ${plain(report.model.licence)}${source.repo ? ` (${plain(source.repo)})` : ''}.`,
  ];
  return `## Limits\n\n${lines.map((line) => `- ${line}`).join('\n')}`;
}
