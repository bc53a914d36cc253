// The palette: the same in the window and in exports, and readable in both themes. That the colours stay apart under
// colour-vision deficiencies is tested on the window's tokens, in tests/renderer/ui/colours.test.ts.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  CHART_COLOURS,
  METHOD_ORDER,
  METHOD_STYLES,
  markerPath,
  modelStyle,
  type Theme,
} from '../../../shared/chart/style.ts';
import { METHOD_IDS } from '../../../shared/report.ts';
import { contrast } from './colour.ts';

const THEMES: Theme[] = ['light', 'dark'];
const css = readFileSync(new URL('../../../renderer/style/tokens.css', import.meta.url), 'utf8');

/** A token's value in the light block (first) or the dark one (second). */
function token(name: string, theme: Theme): string {
  const values = [...css.matchAll(new RegExp(`${name}:\\s*(#[0-9a-f]{6})`, 'g'))].map((found) => found[1]!);
  return values[theme === 'light' ? 0 : 1]!;
}

describe('method styles', () => {
  test('name every method once', () => {
    expect([...METHOD_ORDER].sort()).toEqual([...METHOD_IDS].sort());
    for (const id of METHOD_IDS) expect(METHOD_STYLES[id].id).toBe(id);
  });

  test.each(THEMES)('are the window’s tokens, %s', (theme) => {
    for (const id of METHOD_IDS) expect(METHOD_STYLES[id][theme]).toBe(token(METHOD_STYLES[id].token, theme));
    const { background, line, text, muted, right, wrong } = CHART_COLOURS[theme];
    expect({ background, line, text, muted, right, wrong }).toEqual({
      background: token('--panel', theme),
      line: token('--line', theme),
      text: token('--text', theme),
      muted: token('--muted', theme),
      right: token('--m-probe', theme),
      wrong: token('--bad', theme),
    });
  });

  test.each(THEMES)('marks stand out 3:1 and text 4.5:1, %s', (theme) => {
    const { background, text, muted } = CHART_COLOURS[theme];
    for (const id of METHOD_IDS) expect(contrast(METHOD_STYLES[id][theme], background)).toBeGreaterThanOrEqual(4.5);
    for (const ink of [text, muted]) expect(contrast(ink, background)).toBeGreaterThanOrEqual(4.5);
  });

  test('every two methods differ in shape as well as in colour', () => {
    const shapes = METHOD_ORDER.map((id) => METHOD_STYLES[id].marker);
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});

test('the second model is hollow and thin, and four models differ', () => {
  expect(modelStyle(0)).toEqual({ filled: true, width: 2, dash: null });
  expect(modelStyle(1).filled).toBe(false);
  expect(modelStyle(1).width).toBeLessThan(modelStyle(0).width);
  expect(new Set([0, 1, 2, 3].map((i) => JSON.stringify(modelStyle(i)))).size).toBe(4);
});

test('markers are centred, and none draws nothing', () => {
  expect(markerPath('none', 1, 2)).toBe('');
  for (const marker of ['circle', 'diamond', 'square'] as const) {
    const numbers = [...markerPath(marker, 100, 50).matchAll(/[ML ](-?[\d.]+) (-?[\d.]+)/g)];
    const xs = numbers.map((found) => Number(found[1])).filter((x) => x > 50);
    expect((Math.min(...xs) + Math.max(...xs)) / 2).toBeCloseTo(100, 1);
  }
});

test('every marker is a shape of its own, of about the same size, around its place', () => {
  const drawn = METHOD_ORDER.map((id) => METHOD_STYLES[id].marker).filter((marker) => marker !== 'none');
  expect(new Set(drawn.map((marker) => markerPath(marker, 0, 0))).size).toBe(METHOD_ORDER.length - 1);
  for (const marker of drawn) {
    const path = markerPath(marker, 0, 0);
    expect(path, marker).toMatch(/^M[^NaN]+Z$/);
    const corners = [...path.matchAll(/(-?[\d.]+) (-?[\d.]+)(?=[LAZ]|$)/g)].map((found) => [
      Number(found[1]),
      Number(found[2]),
    ]);
    const reach = Math.max(...corners.map(([x, y]) => Math.hypot(x!, y!)));
    expect(reach, marker).toBeGreaterThanOrEqual(4);
    expect(reach, marker).toBeLessThanOrEqual(7);
  }
});
