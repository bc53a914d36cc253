// Everything the lab knows about one ONNX operator, in one place: the shape of what it gives, its gradient, and examples
// that become gradient tests. A new op is one exported rule in a file of ops/.
import type { Attr, Attrs, DType, FloatAttr, Graph, Node, Shape, Value } from './graph.ts';

/** An input of an example: a float tensor of that shape drawn at random, a constant, or a left-out optional input. */
export type ExampleInput =
  | Shape
  | { int64: readonly number[]; shape?: Shape }
  | { float: readonly number[]; shape?: Shape }
  | { bool: readonly number[]; shape?: Shape }
  | null;
export type Example = {
  inputs: readonly ExampleInput[];
  attrs?: Attrs;
  /**
   * Where inputs are drawn: 'normal' in (-1, 1), 'positive' in (0.5, 1.5), 'spaced' distinct values 0.1 apart and off zero,
   * for ops with kinks or that choose.
   */
  draw?: 'normal' | 'positive' | 'spaced';
  /** How many outputs to ask for (1). */
  outputs?: number;
  /** Gradients arrive at that many of the first outputs only (at all). */
  arriving?: number;
};

export type OpRule = {
  /** The shapes of the outputs, all of them that could be asked for. */
  shapes(inputs: readonly (Value | null)[], attrs: Attrs, g: Graph, outputs: number): readonly Shape[];
  /** Their element types, where they differ from the first input's. */
  dtypes?(inputs: readonly (Value | null)[], attrs: Attrs): readonly DType[];
  /**
   * Emits nodes for dL/d(input) of each input, given `dy` = dL/d(output 0) (`all[i]` for output i, null where no gradient
   * arrives). null in the answer: no gradient flows to that input. A gradient may keep the broadcast shape of the output: the
   * caller sums it down. 'none': no gradient flows through the op at all (integers, comparisons).
   */
  vjp: 'none' | ((g: Graph, node: Node, dy: Value, all: readonly (Value | null)[]) => readonly (Value | null)[]);
  examples: readonly Example[];
};

export const float = (value: number): FloatAttr => ({ float: value });

const isFloat = (a: Attr | undefined): a is FloatAttr => typeof a === 'object' && 'float' in a;

export const intAttr = (attrs: Attrs, name: string, otherwise: number): number =>
  typeof attrs[name] === 'number' ? (attrs[name] as number) : otherwise;
export function floatAttr(attrs: Attrs, name: string, otherwise: number): number {
  const a = attrs[name];
  return isFloat(a) ? a.float : otherwise;
}
export const intsAttr = (attrs: Attrs, name: string): readonly number[] | null =>
  Array.isArray(attrs[name]) ? (attrs[name] as readonly number[]) : null;
export const textAttr = (attrs: Attrs, name: string, otherwise: string): string =>
  typeof attrs[name] === 'string' ? (attrs[name] as string) : otherwise;

/** A training problem that a user can act on: an op without a rule, a model that cannot be trained. */
export class TrainingError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TrainingError';
  }
}
