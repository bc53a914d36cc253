// Tests made from the op table: every example of every rule, and for every input a check that the check has teeth.
import { describe, expect, test } from 'vitest';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import type { ExampleInput, OpRule } from '../../../electron/engine/training/rule.ts';
import { gradientError } from './check-gradient.ts';

const TOLERANCE = 1e-2;
const differentiable = Object.entries(ops).filter(([, rule]) => rule.vjp !== 'none');
const isFloat = (input: ExampleInput) => Array.isArray(input);

describe.each(differentiable)('%s', (op, rule) => {
  test('has an example', () => expect(rule.examples.length).toBeGreaterThan(0));

  rule.examples.forEach((example, i) => {
    test(`example ${i} ${JSON.stringify(example.inputs)} ${JSON.stringify(example.attrs ?? {})}`, async () => {
      expect(await gradientError(ops, op, example)).toBeLessThan(TOLERANCE);
    });
  });

  const example = rule.examples[0];
  example?.inputs.forEach((input, i) => {
    if (!isFloat(input)) return;
    test(`a gradient of input ${i} that is 10 % too large is caught`, async () => {
      const { vjp } = rule;
      if (vjp === 'none') throw new Error('unreachable');
      const wrong: OpRule = {
        ...rule,
        vjp: (g, ...rest) => vjp(g, ...rest).map((d, j) => (d && i === j ? g.scale(d, 1.1) : d)),
      };
      expect(await gradientError({ ...ops, [op]: wrong }, op, example)).toBeGreaterThan(TOLERANCE);
    });
  });
});
