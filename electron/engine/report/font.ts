// Draws an SVG's text as paths from Inter's outlines: a machine may have no fonts, and sharp can be given none.
import { inflateRawSync } from 'node:zlib';
import { INTER_OUTLINES } from './inter.ts';

/** Character -> advance and path data (commands M L Q C Z, absolute), in thousandths of an em. */
type Glyphs = Record<string, [advance: number, path: string]>;
type Attributes = Record<string, string>;
type Run = { text: string; attributes: Attributes };

/** The bold one is drawn from this weight on. */
const BOLD = 550;
/** Attributes that say how text is set; the others (fill, opacity, transform ...) go on to the drawn group. */
const TYPOGRAPHY = new Set([
  'x',
  'y',
  'dx',
  'dy',
  'text-anchor',
  'font-family',
  'font-size',
  'font-weight',
  'font-style',
  'font-variant-numeric',
  'dominant-baseline',
  'letter-spacing',
]);

let fonts: Record<'400' | '600', Glyphs> | undefined;
function glyphsOf(weight: number): Glyphs {
  fonts ??= JSON.parse(inflateRawSync(Buffer.from(INTER_OUTLINES, 'base64')).toString()) as Record<
    '400' | '600',
    Glyphs
  >;
  return fonts[weight >= BOLD ? '600' : '400'];
}

/** True when Inter's outlines have every character. */
export const canDraw = (text: string): boolean => [...text].every((char) => char in glyphsOf(400));

/**
 * Replaces every <text> by paths. A text with a character that Inter lacks stays as it is, for the system's fonts.
 * Knows what a chart writes: x, y, dx, dy, text-anchor, font-size and font-weight, own or inherited, and tspans in one level.
 */
export function outlineText(svg: string): string {
  const inherited: Attributes[] = [{ 'font-size': '16', 'font-weight': '400', 'text-anchor': 'start' }];
  const tokens: string[] = svg.match(/<!--[\s\S]*?-->|<[^>]+>|[^<]+/g) ?? [];
  let out = '';
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]!;
    if (/^<text[\s>]/.test(token)) {
      const end = closing(tokens, i);
      const source = tokens.slice(i, end + 1);
      out += drawText(source, inherited.at(-1)!) ?? source.join('');
      i = end;
      continue;
    }
    if (token.startsWith('</')) inherited.pop();
    else if (/^<[a-zA-Z]/.test(token) && !token.endsWith('/>'))
      inherited.push({ ...inherited.at(-1)!, ...typographyOf(token) });
    out += token;
  }
  return out;
}

function closing(tokens: readonly string[], from: number): number {
  const end = tokens.indexOf('</text>', from);
  if (end < 0) throw new Error('The SVG has a <text> that is not closed.');
  return end;
}

/** The tokens from <text> to </text> as a group of paths; null when a character is missing. */
function drawText(tokens: string[], inherited: Attributes): string | null {
  const own = attributesOf(tokens[0]!);
  const base = { ...inherited, ...own };
  const runs: Run[] = [];
  let current: Attributes = {};
  for (const token of tokens.slice(1, -1)) {
    if (token.startsWith('<tspan')) current = attributesOf(token);
    else if (token === '</tspan>') current = {};
    else if (!token.startsWith('<')) runs.push({ text: unescapeXml(token).replace(/\s+/g, ' '), attributes: current });
  }
  if (!runs.every((run) => canDraw(run.text))) return null;
  const group = Object.entries(own).filter(([name]) => !TYPOGRAPHY.has(name));
  return `<g${group.map(([name, value]) => ` ${name}="${value}"`).join('')}>${drawRuns(runs, base)}</g>`;
}

function drawRuns(runs: Run[], base: Attributes): string {
  let x = Number(base.x ?? 0) + length(base.dx, fontSize(base));
  let y = Number(base.y ?? 0) + length(base.dy, fontSize(base)) + baseline(base);
  let out = '';
  for (const [i, run] of runs.entries()) {
    const style = { ...base, ...run.attributes };
    const size = fontSize(style);
    if (run.attributes.x !== undefined) x = Number(run.attributes.x);
    if (run.attributes.y !== undefined) y = Number(run.attributes.y) + baseline(style);
    x += length(run.attributes.dx, size);
    y += length(run.attributes.dy, size);
    if (i === 0 || run.attributes.x !== undefined)
      x -= chunkWidth(runs, i, base) * ANCHOR[style['text-anchor'] ?? 'start']!;
    const glyphs = glyphsOf(weightOf(style));
    let path = '';
    for (const char of run.text) {
      const [width, outline] = glyphs[char]!;
      const room = advance(glyphs, char, size);
      path += place(outline, x + (room - (width * size) / 1000) / 2, y, size / 1000);
      x += room;
    }
    const paint = Object.entries(run.attributes).filter(([name]) => !TYPOGRAPHY.has(name));
    out += `<path${paint.map(([name, value]) => ` ${name}="${value}"`).join('')} d="${path}"/>`;
  }
  return out;
}

const ANCHOR: Record<string, number> = { start: 0, middle: 0.5, end: 1 };

/** The width of the runs from `first` to the next one with an x of its own: what text-anchor moves as a whole. */
function chunkWidth(runs: Run[], first: number, base: Attributes): number {
  let width = 0;
  for (let i = first; i < runs.length && (i === first || runs[i]!.attributes.x === undefined); i++) {
    const { text, attributes } = runs[i]!;
    const style = { ...base, ...attributes };
    const glyphs = glyphsOf(weightOf(style));
    if (i > first) width += length(attributes.dx, fontSize(style));
    for (const char of text) width += advance(glyphs, char, fontSize(style));
  }
  return width;
}

/** Digits all as wide as 0: numbers stand in columns. */
const advance = (glyphs: Glyphs, char: string, size: number) =>
  (glyphs[/\d/.test(char) ? '0' : char]![0] * size) / 1000;

/** Path data scaled and moved. */
function place(path: string, x: number, y: number, scale: number): string {
  let horizontal = false;
  return path.replace(/[MLQCZ]|[ ]?-?\d+/g, (token) => {
    if (/[A-Z]/.test(token)) {
      horizontal = false;
      return token;
    }
    horizontal = !horizontal;
    const value = Number(token) * scale + (horizontal ? x : y);
    return ` ${Math.round(value * 100) / 100}`;
  });
}

function attributesOf(tag: string): Attributes {
  const found: Attributes = {};
  for (const [, name, value] of tag.matchAll(/([\w:-]+)="([^"]*)"/g)) found[name!] = value!;
  for (const [, name, value] of (found.style ?? '').matchAll(/([\w-]+)\s*:\s*([^;]+)/g)) found[name!] = value!.trim();
  return found;
}

const typographyOf = (tag: string): Attributes =>
  Object.fromEntries(
    Object.entries(attributesOf(tag)).filter(([name]) => /^(font-|text-anchor|dominant-baseline)/.test(name)),
  );

const fontSize = (style: Attributes) => Number.parseFloat(style['font-size'] ?? '16');
const weightOf = (style: Attributes) =>
  ({ normal: 400, bold: 700 })[style['font-weight']!] ?? Number(style['font-weight']);
/** How far below `y` the baseline lies, in ems, from Inter's x-height and capitals. */
const BASELINES: Record<string, number> = { middle: 0.273, central: 0.36, hanging: 0.727 };
const baseline = (style: Attributes) => fontSize(style) * (BASELINES[style['dominant-baseline'] ?? ''] ?? 0);
const length = (value: string | undefined, size: number) =>
  value ? Number.parseFloat(value) * (value.endsWith('em') ? size : 1) : 0;

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
const unescapeXml = (text: string) =>
  text.replace(/&(#x[\da-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    return ENTITIES[name] ?? whole;
  });
