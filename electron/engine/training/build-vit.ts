// A vision transformer from scratch: CLIP's vision tower, as graph and random weights. The nodes are those of public
// exports (batched MatMul, Reshape and Transpose around the attention), under Hugging Face's names.
//
// Matrices are stored [in, out] as MatMul takes them and as exports store them, not [out, in] as PyTorch does.
import { normal } from './build-init.ts';
import { type Attrs, createGraph, type Graph, type Shape, type Value } from './graph.ts';
import { ops } from './ops/index.ts';
import type { Parameter, Prepared } from './prepare.ts';
import { float } from './rule.ts';
import { sizeOf } from './shape.ts';

export type ViTConfig = {
  /** Side of the square image and of a patch, in pixels. */
  image: number;
  patch: number;
  width: number;
  layers: number;
  heads: number;
  /** Units of the hidden layer of each MLP. */
  mlp: number;
  activation: 'quick_gelu' | 'gelu';
  /** What stands for the image: the class token, or the mean over all tokens. */
  pool: 'cls' | 'mean';
  /** Output `image_embeds` [batch, projection]. */
  projection?: number;
  /** Output `logits` [batch, classes]. */
  classes?: number;
};
export type ViTOptions = ViTConfig & {
  batch: number;
  seed: number;
  /** Leaves the batch size open: for a graph that is written to a file, not for one that is differentiated. */
  dynamic?: boolean;
};

/** The builder's state: the graph, what it has for weights so far, and where new weights come from. */
type Build = { g: Graph; config: ViTOptions; parameters: { value: Value; data: Float32Array }[] };

/** Outputs: last_hidden_state [batch, tokens, width], pooler_output [batch, width], and image_embeds or logits where asked for. */
export function buildViT(config: ViTOptions): Prepared {
  check(config);
  const b: Build = { g: createGraph(ops), config, parameters: [] };
  const { g } = b;
  const pixels = g.input('pixel_values', [config.batch, 3, config.image, config.image]);
  let x = embed(b, pixels);
  for (let layer = 0; layer < config.layers; layer++) {
    const last = layer === config.layers - 1;
    x = block(b, x, layer, last ? 'last_hidden_state' : undefined);
  }
  const pooled = pool(b, x);
  const outputs = [x, pooled];
  const std = config.width ** -0.5;
  if (config.projection) {
    const w = weight(b, 'visual_projection.weight', [config.width, config.projection], std);
    outputs.unshift(node(g, '/visual_projection/MatMul', 'MatMul', [pooled, w], {}, 'image_embeds'));
  }
  if (config.classes) {
    const w = weight(b, 'classifier.weight', [config.width, config.classes], std);
    const y = node(g, '/classifier/MatMul', 'MatMul', [pooled, w]);
    outputs.unshift(node(g, '/classifier/Add', 'Add', [bias(b, 'classifier.bias', config.classes), y], {}, 'logits'));
  }
  g.outputs = outputs;
  return { graph: g, parameters: parametersOf(b), file: '' };
}

function check({ image, patch, width, heads }: ViTConfig): void {
  if (image % patch !== 0) throw new Error(`Patches of ${patch} do not divide an image of ${image}.`);
  if (width % heads !== 0) throw new Error(`${heads} heads do not divide a width of ${width}.`);
}

/** Emits one node under a name of our own, its output too where one is given. */
function node(g: Graph, name: string, op: string, inputs: readonly Value[], attrs: Attrs = {}, output?: string): Value {
  const value = g.emit(op, inputs, attrs);
  const made = g.nodes.pop()!;
  const renamed = { ...value, name: output ?? `${name}_output_0` };
  g.nodes.push({ ...made, name, outputs: [renamed] });
  return renamed;
}

/** Drawn with CLIP's deviations (CLIPPreTrainedModel._init_weights); `deviation` 0 and an `at` is a constant. */
function weight(b: Build, name: string, shape: Shape, deviation: number, at = 0): Value {
  const value = b.g.input(name, shape);
  const n = sizeOf(shape);
  const stream = b.parameters.length;
  const data = deviation > 0 ? normal(n, deviation, b.config.seed, stream) : new Float32Array(n).fill(at);
  b.parameters.push({ value, data });
  return value;
}
const bias = (b: Build, name: string, n: number) => weight(b, name, [n], 0);

function layerNorm(b: Build, name: string, x: Value, output?: string): Value {
  const n = x.shape.at(-1)!;
  const inputs = [x, weight(b, `${name}.weight`, [n], 0, 1), bias(b, `${name}.bias`, n)];
  const attrs = { axis: -1, epsilon: float(1e-5) };
  return node(b.g, `/${slashes(name)}/LayerNormalization`, 'LayerNormalization', inputs, attrs, output);
}

/** vision_model.encoder.layers.0.mlp as torch.onnx names its scope: vision_model/encoder/layers.0/mlp. */
const slashes = (name: string) => name.replaceAll('.', '/').replace(/layers\/(\d+)/, 'layers.$1');

function linear(b: Build, name: string, x: Value, out: number, deviation: number): Value {
  const w = weight(b, `${name}.weight`, [x.shape.at(-1)!, out], deviation);
  const y = node(b.g, `/${slashes(name)}/MatMul`, 'MatMul', [x, w]);
  return node(b.g, `/${slashes(name)}/Add`, 'Add', [bias(b, `${name}.bias`, out), y]);
}

const EMBEDDINGS = 'vision_model.embeddings';

/** Patches by a strided convolution, the class token before them, positions added, one layer norm. */
function embed(b: Build, pixels: Value): Value {
  const { g, config } = b;
  const { width, patch, batch } = config;
  const scope = `/${slashes(EMBEDDINGS)}`;
  const tokens = (config.image / patch) ** 2 + 1;
  const kernel = weight(b, `${EMBEDDINGS}.patch_embedding.weight`, [width, 3, patch, patch], 0.02);
  const conv = {
    kernel_shape: [patch, patch],
    strides: [patch, patch],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    group: 1,
  };
  const grid: Value = {
    name: `${scope}/patch_embedding/Conv_output_0`,
    shape: [batch, width, config.image / patch, config.image / patch],
    dtype: 'float32',
  };
  // pushed, not emitted: so that building a model does not wait for a rule
  g.nodes.push({
    op: 'Conv',
    domain: '',
    name: `${scope}/patch_embedding/Conv`,
    inputs: [pixels, kernel],
    outputs: [grid],
    attrs: conv,
  });
  const flat = node(g, `${scope}/Reshape`, 'Reshape', [grid, g.ints([0, width, tokens - 1])]);
  const patches = node(g, `${scope}/Transpose`, 'Transpose', [flat], { perm: [0, 2, 1] });
  const classToken = weight(b, `${EMBEDDINGS}.class_embedding`, [width], width ** -0.5);
  const all = node(g, `${scope}/Concat`, 'Concat', [classRows(b, classToken, pixels), patches], { axis: 1 });
  const positions = weight(b, `${EMBEDDINGS}.position_embedding.weight`, [tokens, width], 0.02);
  const placed = node(g, `${scope}/Add`, 'Add', [all, positions]);
  return layerNorm(b, 'vision_model.pre_layrnorm', placed); // the name is spelled so in CLIP
}

/** The class token once per image: [batch, 1, width]. */
function classRows({ g, config }: Build, classToken: Value, pixels: Value): Value {
  const { batch, width, dynamic } = config;
  const scope = `/${slashes(EMBEDDINGS)}`;
  if (!dynamic) return node(g, `${scope}/Expand`, 'Expand', [classToken, g.ints([batch, 1, width])]);
  const ints = (name: string, n: number): Value => ({ name: `${scope}/${name}_output_0`, shape: [n], dtype: 'int64' });
  const push = (op: string, name: string, inputs: Value[], output: Value, attrs: Attrs = {}) =>
    g.nodes.push({ op, domain: '', name: `${scope}/${name}`, inputs, outputs: [output], attrs });
  const [shape, size, target] = [ints('Shape', 4), ints('Slice', 1), ints('Concat_1', 3)];
  push('Shape', 'Shape', [pixels], shape);
  push('Slice', 'Slice', [shape, g.ints([0]), g.ints([1]), g.ints([0])], size);
  push('Concat', 'Concat_1', [size, g.ints([1, width])], target, { axis: 0 });
  const rows: Value = { name: `${scope}/Expand_output_0`, shape: [batch, 1, width], dtype: 'float32' };
  push('Expand', 'Expand', [classToken, target], rows);
  return rows;
}

/** x + attention(norm(x)), then that + mlp(norm(it)). */
function block(b: Build, x: Value, layer: number, output?: string): Value {
  const { g, config } = b;
  const name = `vision_model.encoder.layers.${layer}`;
  const scope = `/${slashes(name)}`;
  const narrow = config.width ** -0.5 * (2 * config.layers) ** -0.5;
  const attended = attention(b, `${name}.self_attn`, layerNorm(b, `${name}.layer_norm1`, x), narrow);
  const middle = node(g, `${scope}/Add`, 'Add', [x, attended]);
  const hidden = linear(
    b,
    `${name}.mlp.fc1`,
    layerNorm(b, `${name}.layer_norm2`, middle),
    config.mlp,
    (2 * config.width) ** -0.5,
  );
  const active = activate(g, `${scope}/mlp/activation_fn`, hidden, config.activation);
  const made = linear(b, `${name}.mlp.fc2`, active, config.width, narrow);
  return node(g, `${scope}/Add_1`, 'Add', [middle, made], {}, output);
}

function attention(b: Build, name: string, x: Value, narrow: number): Value {
  const { g, config } = b;
  const { width, heads } = config;
  const scope = `/${slashes(name)}`;
  const tokens = x.shape[1]!;
  const split = g.ints([0, tokens, heads, width / heads]);
  /** [batch, heads, tokens, width / heads], or with the last two swapped. */
  const headsOf = (part: string, perm: readonly number[]) => {
    const parts = node(g, `${scope}/${part}/Reshape`, 'Reshape', [
      linear(b, `${name}.${part}_proj`, x, width, narrow),
      split,
    ]);
    return node(g, `${scope}/${part}/Transpose`, 'Transpose', [parts], { perm });
  };
  const q = headsOf('q', [0, 2, 1, 3]);
  const k = headsOf('k', [0, 2, 3, 1]);
  const v = headsOf('v', [0, 2, 1, 3]);
  const scores = node(g, `${scope}/MatMul`, 'MatMul', [q, k]);
  const scaled = node(g, `${scope}/Mul`, 'Mul', [scores, g.scalar((width / heads) ** -0.5)]);
  const weights = node(g, `${scope}/Softmax`, 'Softmax', [scaled], { axis: -1 });
  const mixed = node(g, `${scope}/MatMul_1`, 'MatMul', [weights, v]);
  const back = node(g, `${scope}/Transpose_3`, 'Transpose', [mixed], { perm: [0, 2, 1, 3] });
  const joined = node(g, `${scope}/Reshape_3`, 'Reshape', [back, g.ints([0, tokens, width])]);
  return linear(b, `${name}.out_proj`, joined, width, config.width ** -0.5);
}

/** x sigmoid(1.702 x), or x/2 (1 + erf(x / sqrt 2)) in the steps that exports write it in. */
function activate(g: Graph, scope: string, x: Value, kind: ViTConfig['activation']): Value {
  if (kind === 'quick_gelu') {
    const gate = node(g, `${scope}/Sigmoid`, 'Sigmoid', [node(g, `${scope}/Mul`, 'Mul', [x, g.scalar(1.702)])]);
    return node(g, `${scope}/Mul_1`, 'Mul', [x, gate]);
  }
  const bell = node(g, `${scope}/Erf`, 'Erf', [node(g, `${scope}/Div`, 'Div', [x, g.scalar(Math.SQRT2)])]);
  const gate = node(g, `${scope}/Add`, 'Add', [bell, g.scalar(1)]);
  return node(g, `${scope}/Mul_1`, 'Mul', [node(g, `${scope}/Mul`, 'Mul', [x, gate]), g.scalar(0.5)]);
}

/** The class token after the last layer norm, or the mean over the tokens after it. */
function pool(b: Build, x: Value): Value {
  const { g, config } = b;
  if (config.pool === 'mean') {
    const normed = layerNorm(b, 'vision_model.post_layernorm', x);
    return node(g, '/vision_model/ReduceMean', 'ReduceMean', [normed, g.ints([1])], { keepdims: 0 }, 'pooler_output');
  }
  const first = node(g, '/vision_model/Slice', 'Slice', [x, g.ints([0]), g.ints([1]), g.ints([1])]);
  const row = node(g, '/vision_model/Squeeze', 'Squeeze', [first, g.ints([1])]);
  return layerNorm(b, 'vision_model.post_layernorm', row, 'pooler_output');
}

function parametersOf({ g, parameters }: Build): Parameter[] {
  return parameters.map(({ value, data }) => ({
    name: value.name,
    shape: value.shape,
    data,
    uses: g.nodes.flatMap(({ op, name, inputs }, index) =>
      inputs.flatMap((x, input) => (x?.name === value.name ? [{ op, node: name, input, index }] : [])),
    ),
  }));
}
