// The thread that runs models: onnxruntime-node's `run` is synchronous, so on the main thread it would stop every call.
// Small models run on several such threads side by side (models/sessions.ts).
import { readFile } from 'node:fs/promises';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { fromHalf, toHalf } from '../../../shared/half.ts';
import { eachImage } from '../images/each.ts';
import { preprocess } from '../images/preprocess.ts';
import type { Failure } from '../images/spec.ts';
import { onlyOutput, withOutput } from '../models/onnx-trim.ts';
import { pixelTensor } from '../models/pixels.ts';
import type { OnnxAnswer, OnnxRequest, OnnxTensor } from '../models/sessions.ts';
import { type Encoder, openTokenizer } from '../models/tokenizer.ts';
import { tryProvider } from '../models/trial.ts';
import { answerInOrder } from './answers.ts';
import './priority.ts';

const sessions = new Map<number, InferenceSession>();
const tokenizers = new Map<string, Encoder>();

const runtime = async () => (await import('onnxruntime-node')).default;

async function load(request: Extract<OnnxRequest, { kind: 'load' }>): Promise<OnnxAnswer['load']> {
  const { InferenceSession } = await runtime();
  const { file, expose, only, device, threads } = request.source;
  const options: InferenceSession.SessionOptions = {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    // Decoding shares the cores: threads that spin while they wait cost 60 % more CPU for the same images (measured).
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
  const session = expose
    ? await InferenceSession.create((only ? onlyOutput : withOutput)(await readFile(file), expose), options)
    : await InferenceSession.create(file, options);
  sessions.set(request.session, session);
  return { inputs: session.inputNames.slice(), outputs: session.outputNames.slice() };
}

async function run(request: Extract<OnnxRequest, { kind: 'run' }>): Promise<OnnxAnswer['run']> {
  const { Tensor } = await runtime();
  const session = sessions.get(request.session);
  if (!session) throw new Error('the session is closed');
  const feeds: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(request.feeds)) feeds[name] = makeTensor(Tensor, tensor);
  const results = await session.run(feeds, request.outputs);
  const out: Record<string, { data: Float32Array; dims: number[] }> = {};
  for (const name of request.outputs) {
    const result = results[name]!;
    out[name] = { data: toFloats(result), dims: result.dims.slice() };
    result.dispose();
  }
  return out;
}

type Images = Extract<OnnxRequest, { kind: 'images' }>;
type Decoded = { pixels: Float32Array; failures: Failure[] };

/** Memory of batches that are done: fresh memory costs a page fault every 4 KB. */
const spare: Float32Array[] = [];

/** Begun as soon as it is asked for: libvips decodes on threads of its own while this one runs the batch before. */
async function decode({ files, hashes, input }: Images): Promise<Decoded> {
  const spec = input.preprocessing;
  const size = 3 * spec.height * spec.width;
  const before = spare.pop();
  const pixels = before?.length === files.length * size ? before : new Float32Array(files.length * size);
  const failures = await eachImage({ files, hashes, first: 0 }, (rgb, i) => preprocess(rgb, spec, pixels, i * size));
  for (const { index } of failures) pixels.fill(0, index * size, (index + 1) * size);
  return { pixels, failures };
}

async function images(request: Images, decoded: Promise<Decoded>): Promise<OnnxAnswer['images']> {
  const { session, files, input, others, output } = request;
  const { pixels, failures } = await decoded;
  if (failures.length === files.length) return { result: null, failures };
  const feeds = { ...others, [input.name]: pixelTensor(pixels, files.length, input) };
  const results = await run({ kind: 'run', session, feeds, outputs: [output] });
  spare.push(pixels);
  return { result: results[output]!, failures };
}

function makeTensor(Constructor: typeof Tensor, { type, data, dims }: OnnxTensor): Tensor {
  if (type !== 'float16') return new Constructor(type as 'float32', data as Float32Array, dims);
  // Where the engine has a Float16Array, onnxruntime-common makes one and the native side of 1.30 sees it as empty:
  // so the halves go as what both agree on, and are named afterwards.
  const tensor = new Constructor('uint16', toHalf(data as Float32Array), dims);
  return Object.defineProperty(tensor, 'type', { value: 'float16' }) as Tensor;
}

/** A copy of its own, for the runtime's memory is not ours to hand over. */
function toFloats(tensor: Tensor): Float32Array {
  const data = tensor.data;
  if (data instanceof Float32Array) return data.slice();
  if (data instanceof Uint16Array) return fromHalf(data);
  return Float32Array.from(data as unknown as ArrayLike<number>, Number);
}

function tokenize({ settings, texts, pad }: Extract<OnnxRequest, { kind: 'tokenize' }>): OnnxAnswer['tokenize'] {
  let encoder = tokenizers.get(settings.file);
  if (!encoder) {
    encoder = openTokenizer(settings);
    tokenizers.set(settings.file, encoder);
  }
  return encoder.batch(texts, pad);
}

async function release(session: number): Promise<null> {
  const open = sessions.get(session);
  sessions.delete(session);
  if (sessions.size === 0) tokenizers.clear();
  await open?.release();
  return null;
}

function answer(
  request: OnnxRequest,
  decoded: Promise<Decoded> | undefined,
): Promise<OnnxAnswer[keyof OnnxAnswer]> | OnnxAnswer[keyof OnnxAnswer] {
  switch (request.kind) {
    case 'load':
      return load(request);
    case 'run':
      return run(request);
    case 'images':
      return images(request, decoded!);
    case 'tokenize':
      return tokenize(request);
    case 'release':
      return release(request.session);
    case 'try':
      return tryProvider(request.provider);
  }
}

answerInOrder(answer, buffersOf, (request) => {
  if (request.kind !== 'images') return;
  const decoded = decode(request);
  // a failure is met when its turn comes
  decoded.catch(() => {});
  return decoded;
});

function buffersOf(result: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = (value: unknown) => {
    if (ArrayBuffer.isView(value)) {
      if (value.buffer instanceof ArrayBuffer) found.add(value.buffer);
    } else if (value && typeof value === 'object') for (const inner of Object.values(value)) visit(inner);
  };
  visit(result);
  return [...found];
}
