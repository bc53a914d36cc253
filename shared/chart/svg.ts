// Writing SVG as text: escaping, elements, and the frame every exported picture shares.
import { CHART_COLOURS, CHART_FONT, type Theme } from './style.ts';

export type SvgSize = { width: number; height: number; theme?: Theme };
export type Attributes = Record<string, string | number | null | undefined>;

// Control characters are not allowed in XML 1.0 at all, escaped or not; a file or class name may hold them.
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point of it
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

export const escapeXml = (text: string): string =>
  text
    .toWellFormed()
    .replace(FORBIDDEN, '\ufffd')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

const number = (value: number) => String(Math.round(value * 100) / 100);

/** <name a="b">children</name>; attributes that are null or undefined are left out, numbers rounded to 1/100. */
export function element(name: string, attributes: Attributes, children = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? number(value) : escapeXml(value as string)}"`)
    .join('');
  return children === '' ? `<${name}${written}/>` : `<${name}${written}>${children}</${name}>`;
}

export const text = (x: number, y: number, words: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escapeXml(words));

export const line = (
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  stroke: string,
  attributes: Attributes = {},
): string => element('line', { x1, y1, x2, y2, stroke, ...attributes });

/** The whole document, with its background, font, title and description (what a screen reader says). */
export function document(size: SvgSize, title: string, description: string, body: string): string {
  const colours = CHART_COLOURS[size.theme ?? 'light'];
  const { width, height } = size;
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${number(width)} ${number(height)}`,
      role: 'img',
      'font-family': CHART_FONT,
      'font-size': 12,
      fill: colours.muted,
    },
    element('title', {}, escapeXml(title)) +
      element('desc', {}, escapeXml(description)) +
      element('rect', { width, height, fill: colours.background }) +
      body,
  );
}
