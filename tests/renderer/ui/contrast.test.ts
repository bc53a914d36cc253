// The colours of both themes, computed: text reads at 4.5:1 on whatever it stands on, marks and field borders at 3:1.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const css = readFileSync(new URL('../../../renderer/style/tokens.css', import.meta.url), 'utf8');

/** name -> #rrggbb of one block of tokens.css. */
function tokens(selector: string): Record<string, string> {
  const block = css.slice(css.indexOf(`${selector} {`));
  const body = block.slice(0, block.indexOf('}'));
  return Object.fromEntries(
    [...body.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name!, value!]),
  );
}

/** WCAG 2.2 relative luminance. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

test('the measure itself: black on white is 21, equal colours are 1', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5);
  expect(contrast('#2b59d9', '#2b59d9')).toBe(1);
});

const SURFACES = ['bg', 'panel', 'sunken', 'accent-soft'];
const METHODS = Object.keys(tokens(':root')).filter((name) => name.startsWith('m-'));

describe.each([
  ['light', tokens(':root')],
  ['dark', tokens('[data-theme="dark"]')],
])('%s theme', (_, theme) => {
  const ratio = (front: string, back: string) => contrast(theme[front]!, theme[back]!);

  test.each(['text', 'muted', 'faint', 'accent'])('%s reads on every surface', (name) => {
    for (const surface of SURFACES) expect(ratio(name, surface), `${name} on ${surface}`).toBeGreaterThanOrEqual(4.5);
  });

  test.each(['good', 'bad', 'warn'])(
    '%s reads on the page, on panels and on its own soft ground, and so does plain text',
    (name) => {
      for (const surface of ['bg', 'panel', 'sunken', `${name}-soft`])
        expect(ratio(name, surface), `${name} on ${surface}`).toBeGreaterThanOrEqual(4.5);
      for (const text of ['text', 'muted']) expect(ratio(text, `${name}-soft`), text).toBeGreaterThanOrEqual(4.5);
    },
  );

  test('the primary button reads', () => expect(ratio('on-accent', 'accent')).toBeGreaterThanOrEqual(4.5));

  test.each(METHODS)('%s reads as a label at the end of its line', (name) =>
    expect(ratio(name, 'panel')).toBeGreaterThanOrEqual(4.5),
  );

  test('marks and field borders stand out at 3:1', () => {
    for (const surface of ['bg', 'panel']) {
      expect(ratio('control', surface), `control on ${surface}`).toBeGreaterThanOrEqual(3);
      for (const name of METHODS) expect(ratio(name, surface), `${name} on ${surface}`).toBeGreaterThanOrEqual(3);
    }
  });

  test('both themes define the same tokens', () =>
    expect(Object.keys(theme).sort()).toEqual(Object.keys(tokens(':root')).sort()));
});
