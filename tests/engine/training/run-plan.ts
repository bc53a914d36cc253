// A program of its own: loss and every gradient of a fine-tuning step, on the device of its argument. A driver that crashes
// takes only this process down. run-plan.ts MODEL.onnx SIDE DEVICE; prints { loss, gradients: { name: numbers } } on its last line.
import ort from 'onnxruntime-node';
import { crossEntropy } from '../../../electron/engine/training/losses.ts';
import { planTraining } from '../../../electron/engine/training/plan.ts';
import { prepare } from '../../../electron/engine/training/prepare.ts';
import { sizeOf } from '../../../electron/engine/training/shape.ts';
import { markTrainable } from '../../../electron/engine/training/trainable.ts';
import { random } from './check-gradient.ts';

const [file, side, device] = process.argv.slice(2) as [string, string, string];
const CLASSES = 5;
const next = random(11);
const draw = (n: number, scale: number) => Float32Array.from({ length: n }, () => (2 * next() - 1) * scale);

const pixels = [4, 3, Number(side), Number(side)];
const prepared = await prepare(file, { inputs: { pixel_values: pixels }, outputs: ['image_embeds'] });
const { graph, parameters } = markTrainable(prepared, { kind: 'full' });
const feature = graph.outputs[0]!;
const head = graph.input('head', [feature.shape[1]!, CLASSES]);
const logits = graph.matmul(feature, head);
const tensors = [...parameters, { name: head.name, shape: head.shape, data: draw(sizeOf(head.shape), 1), decay: true }];
const plan = planTraining(graph, tensors, [logits], (g) =>
  crossEntropy(g, logits, g.input('targets', [pixels[0]!, CLASSES])),
);

const session = await ort.InferenceSession.create(plan.training.bytes, {
  executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
  intraOpNumThreads: 1,
  enableMemPattern: false,
  logSeverityLevel: 3,
});
const targets = Float32Array.from({ length: pixels[0]! * CLASSES }, (_, i) =>
  i % CLASSES === Math.floor(i / CLASSES) ? 1 : 0,
);
const weights = plan.tensors.map(({ name, shape, data }) => [name, new ort.Tensor('float32', data, shape)]);
const out = await session.run({
  pixel_values: new ort.Tensor('float32', draw(sizeOf(pixels), 1), pixels),
  targets: new ort.Tensor('float32', targets, [pixels[0]!, CLASSES]),
  ...Object.fromEntries(weights),
});
const gradients = [...plan.gradients].map(([name, at]) => [name, Array.from(out[at]!.data as Float32Array)]);
const loss = Number(out[plan.loss]!.data[0]);
process.stdout.write(`${JSON.stringify({ loss, gradients: Object.fromEntries(gradients) })}\n`, () => process.exit(0));
