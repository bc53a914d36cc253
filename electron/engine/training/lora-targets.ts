// Which matrix of a model plays which part: query, key, value, output, MLP. Told by where it stands around the attention's
// softmax, which every export has, and by its name where there is no softmax to be found (a fused attention op).
import type { Blocks } from './blocks.ts';
import { type Flow, isLinear } from './blocks-flow.ts';
import type { Graph, Node, Value } from './graph.ts';
import type { Parameter, Prepared } from './prepare.ts';
import { TrainingError } from './rule.ts';

/** `qkv`: one matrix that gives all three; `layer`: a matrix or kernel of a network without attention. */
export type Role = 'q' | 'k' | 'v' | 'qkv' | 'o' | 'mlp' | 'layer';

/** What a user can ask for. */
export const TARGETS = ['q', 'k', 'v', 'o', 'mlp', 'all'] as const;
const ATTENTION = ['q', 'k', 'v'];

const NAMED: readonly (readonly [Role, RegExp])[] = [
  ['qkv', /(^|[./_])(qkv|in_proj|in_proj_weight|c_attn|query_key_value)([./_]|$)/],
  ['q', /(^|[./])(q_proj|query|to_q|q_lin|wq)([./_]|$)/],
  ['k', /(^|[./])(k_proj|key|to_k|k_lin|wk)([./_]|$)/],
  ['v', /(^|[./])(v_proj|value|to_v|v_lin|wv)([./_]|$)/],
  ['o', /(out_proj|o_proj|out_lin|to_out|attn[./]c_proj|attn[./]proj|attention[./]output[./]dense)([./_]|$)/],
];

/** The parameters that LoRA is put on. Throws `TrainingError` for a target that is unknown or that the model does not have. */
export function loraTargets(
  prepared: Prepared,
  flow: Flow,
  blocks: Blocks,
  targets: readonly string[],
): Map<string, Role> {
  const unknown = targets.find((t) => !(TARGETS as readonly string[]).includes(t));
  if (unknown !== undefined || targets.length === 0)
    throw new TrainingError(`LoRA goes on ${TARGETS.join(', ')}; ${unknown ?? 'nothing'} was asked for.`);
  const roles = rolesOf(prepared, flow, blocks);
  const wanted = (role: Role) =>
    targets.includes('all') || targets.includes(role) || (role === 'qkv' && targets.some((t) => ATTENTION.includes(t)));
  const found = new Map([...roles].filter(([, role]) => wanted(role)));
  if (found.size > 0) return found;
  const has = [...new Set(roles.values())];
  throw new TrainingError(
    has.includes('layer')
      ? `This model has no attention, so LoRA has no ${targets.join(', ')} to go on. Put it on all (its convolutions and linear layers), or train the last blocks.`
      : `LoRA finds no ${targets.join(', ')} in this model${has.length > 0 ? `; it has ${has.join(', ')}` : ''}. Train the last blocks instead.`,
  );
}

export function rolesOf({ graph, parameters }: Prepared, flow: Flow, blocks: Blocks): Map<string, Role> {
  const roles = rolesByAttention(graph, flow);
  const linear = parameters.filter((p) => p.shape.length >= 2 && isMatrix(graph, flow, p));
  if (roles.size === 0)
    for (const p of linear) {
      const role = roleByName(p);
      if (role) roles.set(p.name, role);
    }
  const rest: Role = roles.size > 0 ? 'mlp' : 'layer';
  for (const p of linear) if (!roles.has(p.name) && typeof blocks.of.get(p.name) === 'number') roles.set(p.name, rest);
  return roles;
}

function isMatrix(graph: Graph, flow: Flow, p: Parameter): boolean {
  const at = flow.meets.get(p.name);
  return at !== undefined && isLinear(graph.nodes[at]!);
}

function roleByName(p: Parameter): Role | undefined {
  const labels = [p.name, ...p.uses.map((use) => use.node)];
  return NAMED.find(([, pattern]) => labels.some((label) => pattern.test(label)))?.[0];
}

/** Around each softmax(q k') v. */
function rolesByAttention(graph: Graph, flow: Flow): Map<string, Role> {
  const roles = new Map<string, Role>();
  for (const node of graph.nodes) {
    if (node.op !== 'Softmax' || !flow.activations.has(node.outputs[0]!.name)) continue;
    const scores = isProduct(flow, node) ? node : back(flow, node.inputs[0]!, (n) => isProduct(flow, n));
    const mixed = onward(flow, node.outputs[0]!, (n) => isProduct(flow, n));
    if (!scores || !mixed) continue;
    const weights = reach(flow, node.outputs[0]!);
    const value = mixed.inputs.find((x) => x && !weights.has(x.name)) ?? null;
    const parts: [Role, Value | null][] = [
      ['q', scores.inputs[0]!],
      ['k', scores.inputs[1]!],
      ['v', value],
    ];
    for (const [role, from] of parts) {
      const matrix = matrixOf(flow, from && back(flow, from, (n) => holdsMatrix(flow, n)));
      if (matrix) roles.set(matrix, roles.has(matrix) && roles.get(matrix) !== role ? 'qkv' : role);
    }
    const out = matrixOf(
      flow,
      onward(flow, mixed.outputs[0]!, (n) => holdsMatrix(flow, n)),
    );
    if (out && !roles.has(out)) roles.set(out, 'o');
  }
  return roles;
}

const isActivation = (flow: Flow, x: Value | null | undefined) => !!x && flow.activations.has(x.name);
/** A product of two activations. */
const isProduct = (flow: Flow, n: Node) =>
  (n.op === 'MatMul' || n.op === 'Einsum') && isActivation(flow, n.inputs[0]) && isActivation(flow, n.inputs[1]);
const holdsMatrix = (flow: Flow, n: Node) =>
  isLinear(n) && n.inputs.slice(0, 2).some((x) => flow.weightsOf(x).length > 0);
const matrixOf = (flow: Flow, n: Node | null): string | undefined =>
  n?.inputs.slice(0, 2).flatMap((x) => flow.weightsOf(x))[0];

/** The nearest maker of a value that fits, not looking past another linear layer or product. */
function back(flow: Flow, from: Value, fits: (n: Node) => boolean): Node | null {
  const queue = [from];
  const seen = new Set<string>();
  for (let value = queue.shift(); value; value = queue.shift()) {
    const node = flow.maker.get(value.name);
    if (!node || seen.has(value.name)) continue;
    seen.add(value.name);
    if (fits(node)) return node;
    if (isLinear(node)) continue;
    for (const x of node.inputs) if (isActivation(flow, x)) queue.push(x!);
  }
  return null;
}

/** The same towards the output. */
function onward(flow: Flow, from: Value, fits: (n: Node) => boolean): Node | null {
  const queue = [...(flow.takers.get(from.name) ?? [])];
  const seen = new Set<Node>();
  for (let node = queue.shift(); node; node = queue.shift()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (fits(node)) return node;
    if (isLinear(node)) continue;
    for (const y of node.outputs) if (y) queue.push(...(flow.takers.get(y.name) ?? []));
  }
  return null;
}

/** A value and what is made of it before the next linear layer or product. */
function reach(flow: Flow, from: Value): Set<string> {
  const names = new Set([from.name]);
  const queue = [from.name];
  for (let name = queue.shift(); name !== undefined; name = queue.shift())
    for (const node of flow.takers.get(name) ?? []) {
      if (isLinear(node)) continue;
      for (const y of node.outputs)
        if (y && !names.has(y.name)) {
          names.add(y.name);
          queue.push(y.name);
        }
    }
  return names;
}
