// A run's numbers on a GPU, from step to step: only pixels, targets and a few scalars go there, and the loss comes back. The update
// is a graph of its own. Reading and writing, for checkpoints and exports, copies through the runtime.
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { createGraph, type Graph } from './graph.ts';
import { encodeModel } from './onnx/proto.ts';
import { writeGraph } from './onnx/write.ts';
import { ops } from './ops/index.ts';
import type { OptimizerSettings } from './optimizer.ts';
import { inputOf, type UpdateGraph, updateGraph } from './optimizer-graph.ts';
import type { TrainedTensor } from './plan.ts';
import { STORED, type Store, type StoredArray } from './store.ts';

type Runtime = typeof import('onnxruntime-node');
export type DeviceStoreOptions = {
  optimizer: OptimizerSettings;
  /** What the moving average of the weights keeps of itself each step; 0: none is kept. */
  average: number;
  /** Where tensors stay: 'cpu' is for checking the same graphs without a GPU. */
  at: 'cpu' | 'gpu-buffer';
  /** How the store's graphs are opened; `stay`: outputs that remain `at`. */
  open(bytes: Uint8Array, stay: readonly string[]): Promise<InferenceSession>;
};

/** Copies the tensors and lets them go. */
export async function createDeviceStore(
  runtime: Runtime,
  own: readonly TrainedTensor[],
  { optimizer, average, at, open }: DeviceStoreOptions,
): Promise<Store> {
  const arrays = STORED.filter(
    (array) => (array !== 'second' || optimizer.kind === 'adamw') && (array !== 'average' || average > 0),
  );
  const tensors = own.map(({ data: _data, ...rest }) => rest);
  const copy = await copier(open);
  const held = new Map<string, Tensor>();
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  /** What lies on the device is given back by hand: collected, it would come too late. */
  const free = (tensor: Tensor | undefined) => at === 'cpu' || tensor?.dispose();
  const drop = (key: string) => {
    free(held.get(key));
    held.delete(key);
  };
  const put = (key: string, tensor: Tensor) => {
    drop(key);
    held.set(key, tensor);
  };
  const upload = (name: string, data: Float32Array) =>
    copy.there(new runtime.Tensor('float32', data, shapes.get(name)!));
  for (const { name, data } of own)
    for (const array of arrays) {
      const start = array === 'weights' || array === 'average' ? data : new Float32Array(data.length);
      put(inputOf(array, name), await upload(name, start));
    }

  const updates = new Map<boolean, UpdateGraph & { session: InferenceSession }>();
  async function updateFor(clipped: boolean) {
    const known = updates.get(clipped);
    if (known) return known;
    const made = updateGraph(tensors, optimizer, { average: average > 0, clipped });
    const opened = { ...made, session: await open(writeGraph(made.graph), [...made.replaces.keys()]) };
    updates.set(clipped, opened);
    return opened;
  }
  let adding: { session: InferenceSession; sums: ReadonlyMap<string, string> } | null = null;

  return {
    gradientsAt: at,
    fetches: (gradients) => Object.fromEntries([...gradients.values()].map((output) => [output, null])),
    place: (frozen) => copy.there(frozen),
    feeds: (array) => tensors.map(({ name }) => [name, held.get(inputOf(array, name))!] as const),
    async collect(gradients, part) {
      if (part === 0) {
        for (const [name, tensor] of gradients) put(inputOf('gradients', name), tensor);
        return;
      }
      adding ??= await additions(tensors, open);
      const feeds: Record<string, Tensor> = {};
      for (const [name, tensor] of gradients) {
        feeds[inputOf('gradients', name)] = held.get(inputOf('gradients', name))!;
        feeds[`more/${name}`] = tensor;
      }
      const out = await adding.session.run(feeds);
      for (const [output, name] of adding.sums) put(inputOf('gradients', name), out[output]!);
      for (const tensor of gradients.values()) free(tensor);
    },
    async update(options) {
      const { session, replaces, norm, scalars } = await updateFor(options.clip > 0);
      const numbers = scalars(options);
      const feeds = Object.fromEntries(
        session.inputNames.map((name) => [
          name,
          held.get(name) ?? new runtime.Tensor('float32', Float32Array.of(numbers.get(name)!), []),
        ]),
      );
      const out = await session.run(feeds);
      for (const [output, { array, name }] of replaces) put(inputOf(array, name), out[output]!);
      for (const { name } of tensors) drop(inputOf('gradients', name)); // room for the next step's
      return norm ? Number(out[norm]!.data[0]) : 0;
    },
    arrays,
    async read(array, names) {
      const out = new Map<string, Float32Array>();
      for (const name of names) out.set(name, await copy.back(held.get(inputOf(array, name))!));
      return out;
    },
    async write(array: StoredArray, values) {
      for (const [name, data] of values) put(inputOf(array, name), await upload(name, data));
    },
    async close() {
      for (const key of [...held.keys()]) drop(key);
      await copy.close();
      await adding?.session.release();
      for (const { session } of updates.values()) await session.release();
    },
  };
}

/** Sums of two sets of gradients. */
async function additions(tensors: readonly Pick<TrainedTensor, 'name' | 'shape'>[], open: DeviceStoreOptions['open']) {
  const g: Graph = createGraph(ops);
  const sums = new Map<string, string>();
  for (const { name, shape } of tensors) {
    const sum = g.add(g.input(inputOf('gradients', name), shape), g.input(`more/${name}`, shape));
    g.outputs.push(sum);
    sums.set(sum.name, name);
  }
  return { session: await open(writeGraph(g), [...sums.keys()]), sums };
}

/** Tensors of any shape to the device and back. The runtime has no copy of its own for this, so a graph of one node does it. */
async function copier(open: DeviceStoreOptions['open']) {
  const float = { tensor_type: { elem_type: 1 } };
  const bytes = encodeModel({
    ir_version: 9,
    opset_import: [{ domain: '', version: 20 }],
    graph: {
      name: 'copy',
      node: [{ op_type: 'Identity', input: ['x'], output: ['y'] }],
      input: [{ name: 'x', type: float }],
      output: [{ name: 'y', type: float }],
    },
  });
  const [there, back] = [await open(bytes, ['y']), await open(bytes, [])];
  return {
    there: async (x: Tensor) => (await there.run({ x })).y!,
    back: async (x: Tensor) => (await back.run({ x })).y!.data as Float32Array,
    close: async () => {
      await there.release();
      await back.release();
    },
  };
}
