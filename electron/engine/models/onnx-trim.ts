// Changes of an ONNX file's bytes before the runtime opens it, without decoding its weights.
// Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
import { type Field, fields, type Source } from './onnx-header.ts';

const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(Math.floor(n / 128))]);
const block = (field: number, bytes: Uint8Array[]): Uint8Array[] => [
  Uint8Array.from([...varint(field * 8 + 2), ...varint(bytes.reduce((sum, part) => sum + part.length, 0))]),
  ...bytes,
];
/** GraphProto: output 12 { name 1 }. */
const output = (tensor: string) => block(12, block(1, [Buffer.from(tensor)]));

/**
 * The model with one more output, a tensor inside its graph. Protobuf merges a message that comes in two parts, so the
 * few bytes { graph 7 { output 12 { name 1 } } } at the end are all it takes.
 */
export const withOutput = (model: Uint8Array, tensor: string): Uint8Array =>
  Buffer.concat([model, ...block(7, output(tensor))]);

/**
 * The model with this one output, one of its own or a tensor inside its graph, and only the nodes that it takes: the runtime
 * computes a graph as a whole, whatever is asked of it, such as a classifier of which only the features are wanted.
 */
export function onlyOutput(model: Uint8Array, tensor: string): Uint8Array {
  const source = sourceOf(model);
  const kept: Uint8Array[] = [];
  for (const { field, raw } of parts(model, source, 0, model.length))
    kept.push(...(field.number === 7 ? block(7, onlyOutputOfGraph(model, source, field, tensor)) : [raw]));
  return Buffer.concat(kept);
}

/**
 * The nodes that lead to the tensors in `needed`, which gains all that they read. Not in one pass from the end: half-precision
 * converters put nodes after those that read them.
 */
export function nodesFor<N>(
  nodes: readonly N[],
  needed: Set<string>,
  outputs: (node: N) => readonly string[],
  reads: (node: N) => readonly string[],
): Set<N> {
  const makers = new Map(nodes.flatMap((node) => outputs(node).map((name) => [name, node] as const)));
  makers.delete(''); // an output left out
  const kept = new Set<N>();
  for (const name of needed) {
    const maker = makers.get(name);
    if (maker === undefined || kept.has(maker)) continue;
    kept.add(maker);
    for (const read of reads(maker)) needed.add(read); // the loop comes to these too
  }
  return kept;
}

/** GraphProto: node 1, output 12. */
function onlyOutputOfGraph(model: Uint8Array, source: Source, graph: Field, tensor: string): Uint8Array[] {
  const needed = new Set([tensor]);
  const all = [...parts(model, source, graph.start, graph.end)];
  const nodes = new Map(
    all.filter(({ field }) => field.number === 1).map((part) => [part, readNode(source, part.field)]),
  );
  // the body of a branch or loop may take any tensor without naming it as an input
  const keepAll = [...nodes.values()].some((node) => node.hasBody);
  const every = [...nodes.values()];
  const kept = keepAll
    ? new Set(every)
    : nodesFor(
        every,
        needed,
        (node) => node.outputs,
        (node) => node.inputs,
      );
  const rest = all.filter((part) => part.field.number !== 12 && (!nodes.has(part) || kept.has(nodes.get(part)!)));
  return [...rest.map(({ raw }) => raw), ...output(tensor)];
}

/** NodeProto: input 1, output 2, attribute 5 { g 6, graphs 11 }. */
function readNode(source: Source, within: Field): { inputs: string[]; outputs: string[]; hasBody: boolean } {
  const node = { inputs: [] as string[], outputs: [] as string[], hasBody: false };
  for (const field of fields(source, within.start, within.end)) {
    if (field.number === 1) node.inputs.push(source.text(field.start, field.end));
    else if (field.number === 2) node.outputs.push(source.text(field.start, field.end));
    else if (field.number === 5)
      for (const { number } of fields(source, field.start, field.end)) node.hasBody ||= number === 6 || number === 11;
  }
  return node;
}

/** The fields in [start, end) with all their bytes. */
function* parts(
  model: Uint8Array,
  source: Source,
  start: number,
  end: number,
): Generator<{ field: Field; raw: Uint8Array }> {
  let at = start;
  for (const field of fields(source, start, end)) {
    yield { field, raw: model.subarray(at, field.end) };
    at = field.end;
  }
}

const sourceOf = (bytes: Uint8Array): Source => ({
  size: bytes.length,
  byte: (at) => bytes[at]!,
  text: (start, end) => Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8'),
});
