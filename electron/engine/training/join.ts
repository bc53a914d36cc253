// Two models in one graph: the towers of an image-text model, trained together.
import type { Constant, Graph, Node, Value } from './graph.ts';

/** Takes everything of `other` into `g`, every name with `prefix` before it. Gives what each value of `other` is now. */
export function joinGraph(g: Graph, other: Graph, prefix: string): (value: Value) => Value {
  const known = new Map<string, Value>();
  const renamed = (value: Value): Value => {
    const there = known.get(value.name);
    if (there) return there;
    const made = { ...value, name: prefix + value.name };
    known.set(value.name, made);
    return made;
  };
  for (const value of other.inputs) known.set(value.name, g.input(prefix + value.name, value.shape, value.dtype));
  for (const { value, data } of other.constants.values() as Iterable<Constant>)
    known.set(value.name, g.constant(data, value.shape, value.dtype, prefix + value.name));
  for (const node of other.nodes) {
    const of = (value: Value | null) => value && renamed(value);
    const copy: Node = {
      ...node,
      name: prefix + node.name,
      inputs: node.inputs.map(of),
      outputs: node.outputs.map(of),
    };
    g.nodes.push(copy);
  }
  return renamed;
}
