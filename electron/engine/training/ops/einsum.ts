// Sums of products named by letters: the gradient of an Einsum is an Einsum for each operand.
import type { Graph, Shape, Value } from '../graph.ts';
import { type OpRule, TrainingError, textAttr } from '../rule.ts';

type Equation = { terms: string[]; output: string; sizes: ReadonlyMap<string, number> };

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DOTS = '...';

/** The labels of every operand and of the output; the axes of an ellipsis get letters that are free. */
function parse(equation: string, shapes: readonly Shape[]): Equation {
  const [left, right] = equation.replaceAll(' ', '').split('->');
  const written = left!.split(',');
  const hidden = written.map((t, i) => (t.includes(DOTS) ? shapes[i]!.length - t.length + DOTS.length : 0));
  const most = Math.max(...hidden);
  const free = [...LETTERS].filter((letter) => !equation.includes(letter)).slice(0, most);
  const terms = written.map((t, i) => t.replace(DOTS, free.slice(most - hidden[i]!).join('')));
  const sizes = new Map<string, number>();
  terms.forEach((term, i) => {
    if (term.length !== shapes[i]?.length) throw new Error(`Einsum ${equation}: operand ${i} is [${shapes[i]}].`);
    [...term].forEach((label, axis) => {
      sizes.set(label, Math.max(shapes[i]![axis]!, sizes.get(label) ?? 1));
    });
  });
  const named = terms.join('').replaceAll(new RegExp(`[${free.join('') || '.'}]`, 'g'), '');
  const once = [...named].filter((label, i) => named.indexOf(label) === i && named.lastIndexOf(label) === i).sort();
  const output = right === undefined ? free.join('') + once.join('') : right.replace(DOTS, free.join(''));
  return { terms, output, sizes };
}

/** The product of the factors summed down to the labels of `to`; what none of them has is repeated along. */
function contract(g: Graph, factors: readonly { term: string; value: Value }[], to: string, shape: Shape): Value {
  const tensors = factors.filter(({ term }) => term !== '');
  const kept = [...to].filter((label) => tensors.some(({ term }) => term.includes(label))).join('');
  const equation = `${tensors.map(({ term }) => term)}->${kept}`;
  const values = tensors.map(({ value }) => value);
  const product = values.length > 0 ? g.emit('Einsum', values, { equation }) : g.scalar(1);
  const scalars = factors.filter(({ term }) => term === '');
  const scaled = scalars.reduce((sum, { value }) => g.mul(sum, value), product);
  if (kept === to) return scaled;
  const size = (label: string, otherwise: number) => scaled.shape[kept.indexOf(label)] ?? otherwise;
  const stretched = g.reshape(
    scaled,
    [...to].map((label) => size(label, 1)),
  );
  return g.expand(
    stretched,
    [...to].map((label, axis) => size(label, shape[axis]!)),
  );
}

const repeats = (term: string) => new Set(term).size < term.length;

export const Einsum: OpRule = {
  shapes(inputs, attrs) {
    const shapes = inputs.map((x) => x!.shape);
    const { output, sizes } = parse(textAttr(attrs, 'equation', ''), shapes);
    return [[...output].map((label) => sizes.get(label)!)];
  },
  vjp(g, { inputs, attrs }, dy) {
    const equation = textAttr(attrs, 'equation', '');
    const operands = inputs.map((x) => x!);
    const { terms, output } = parse(
      equation,
      operands.map((x) => x.shape),
    );
    if (terms.some(repeats)) throw new TrainingError(`it takes a diagonal (${equation})`);
    const factors = [{ term: output, value: dy }, ...operands.map((value, j) => ({ term: terms[j]!, value }))];
    return operands.map((x, i) =>
      contract(
        g,
        factors.filter((_, j) => j !== i + 1),
        terms[i]!,
        x.shape,
      ),
    );
  },
  examples: (
    [
      ['ij,jk->ik', [2, 3], [3, 4]],
      ['bhqd,bhkd->bhqk', [2, 2, 3, 4], [2, 2, 5, 4]],
      ['bqhd,bkhd->bhqk', [2, 3, 2, 4], [2, 5, 2, 4]],
      ['bhqk,bkhd->bqhd', [2, 2, 3, 5], [2, 5, 2, 4]],
      ['ij,jk', [2, 3], [3, 4]],
      ['ba,ac', [2, 3], [3, 4]],
      ['i,j->ij', [3], [4]],
      ['i,i->', [4], [4]],
      ['ij->ji', [2, 3]],
      ['ij->i', [2, 3]],
      ['ij->', [2, 3]],
      ['ijk,jl->il', [2, 3, 4], [3, 5]],
      [',ij->ij', [], [2, 3]],
      ['...ij,...jk->...ik', [2, 1, 3, 4], [2, 5, 4, 2]],
      ['...ij,jk->...ik', [2, 2, 3, 4], [4, 2]],
      ['...d,d->...', [2, 3, 4], [4]],
      ['...d,de', [2, 3, 4], [4, 2]],
      ['bi,bj,ijk->bk', [2, 3], [2, 4], [3, 4, 5]],
    ] as const
  ).map(([equation, ...inputs]) => ({ inputs, attrs: { equation } })),
};
