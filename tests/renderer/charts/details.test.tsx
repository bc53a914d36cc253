// The charts of one point: counts told in words, and markup that grows with the test set, not with classes squared.
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, test } from 'vitest';
import { ConfusionMatrix, cellSentence } from '../../../renderer/charts/ConfusionMatrix.tsx';
import { PerClassBars, recallOf } from '../../../renderer/charts/PerClassBars.tsx';
import { binSentence, ReliabilityDiagram } from '../../../renderer/charts/ReliabilityDiagram.tsx';

const classes = ['iris', 'daisy', 'pansy'];
const confusion = [
  [18, 2, 0],
  [0, 20, 0],
  [5, 0, 0],
];

describe('confusions', () => {
  test('a cell says n of how many', () => {
    expect(cellSentence(classes, confusion, { truth: 0, said: 1 })).toBe('2 of 20 images of iris were taken for daisy');
    expect(cellSentence(classes, confusion, { truth: 1, said: 1 })).toBe('20 of 20 images of daisy were recognised');
  });

  test('the diagonal is blue, errors are red, empty cells are not drawn', () => {
    const html = renderToStaticMarkup(<ConfusionMatrix classes={classes} confusion={confusion} width={300} />);
    expect(html.match(/fill="var\(--m-probe\)"/g)).toHaveLength(2);
    expect(html.match(/fill="var\(--bad\)"/g)).toHaveLength(2);
    expect(html).toContain('>pansy</text>');
  });

  test('1,000 classes draw as many cells as there are images, without names', () => {
    const many = Array.from({ length: 1000 }, (_, i) => `class ${i}`);
    const counts = many.map((_, i) => many.map((_, j) => (i === j ? 4 : j === (i + 1) % 1000 ? 1 : 0)));
    const html = renderToStaticMarkup(<ConfusionMatrix classes={many} confusion={counts} width={304} />);
    expect(html.match(/<rect/g)!.length).toBeLessThan(2010);
    expect(html).not.toContain('<text');
  });

  test('names stand beside the rows where the square leaves room for them', () => {
    const many = Array.from({ length: 40 }, (_, i) => `a class with a long name, number ${i}`);
    const counts = many.map((_, i) => many.map((_, j) => (i === j ? 4 : 0)));
    const draw = (room: { width: number; height?: number }) =>
      renderToStaticMarkup(<ConfusionMatrix classes={many} confusion={counts} {...room} />);
    expect(draw({ width: 460 })).not.toContain('<text');
    const html = draw({ width: 780, height: 460 });
    expect(html).toContain('>a class with a long name, number 39</text>');
    expect(html).toContain('height="460"');
  });
});

describe('recall of each class', () => {
  test('has the weakest first and leaves out classes without a test image', () => {
    expect(recallOf([...classes, 'rose'], [...confusion, [0, 0, 0]])).toEqual([
      { name: 'pansy', right: 0, total: 5 },
      { name: 'iris', right: 18, total: 20 },
      { name: 'daisy', right: 20, total: 20 },
    ]);
  });

  test('tells percent and counts', () => {
    const html = renderToStaticMarkup(<PerClassBars recalls={recallOf(classes, confusion)} />);
    expect(html).toContain('90 %');
    expect(html).toContain('18 of 20');
  });
});

describe('reliability', () => {
  const bin = { lo: 0.8, hi: 0.866, count: 12, confidence: 0.83, accuracy: 0.75 };

  test('a bin says how many, how sure, how right', () => {
    expect(binSentence(bin)).toBe('12 predictions with 83.0 % mean confidence: 75.0 % right');
    expect(binSentence({ ...bin, count: 0 })).toMatch(/^No prediction with a confidence of 80 to 87 %/);
  });

  test('shows counts, and nothing for an empty bin', () => {
    const html = renderToStaticMarkup(
      <ReliabilityDiagram bins={[bin, { ...bin, lo: 0.866, hi: 0.93, count: 0 }]} width={300} />,
    );
    expect(html.match(/fill="var\(--m-probe\)"/g)).toHaveLength(1);
    expect(html).toContain('>12</text>');
  });
});
