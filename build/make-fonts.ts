// Makes electron/engine/report/inter.ts: Inter as the report embeds it (woff2) and as the PNG draws it (outlines).
// Run by hand (`node build/make-fonts.ts`); the result is committed. PNGs cannot rely on a machine's fonts, and sharp
// reads none but those, so their text becomes paths. Inter is under the SIL Open Font License 1.1.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';

const FONT = '@fontsource/inter@5.3.0';
const PARSER = 'opentype.js@1.3.4';
const SUBSETS = ['latin', 'latin-ext', 'greek', 'cyrillic'];
const WEIGHTS = [400, 600];
/** Basic Latin to Latin Extended-A, Greek, Cyrillic, and the punctuation and arrows that charts use. */
const RANGES = [
  [0x20, 0x7e],
  [0xa0, 0x17f],
  [0x218, 0x21b],
  [0x384, 0x3ce],
  [0x401, 0x45f],
  [0x490, 0x491],
  [0x2010, 0x2026],
  [0x2030, 0x203a],
  [0x20ac, 0x20ac],
  [0x2122, 0x2122],
  [0x2190, 0x2193],
  [0x2212, 0x2212],
  [0x2260, 0x2265],
] as const;

type Command = { type: string } & Record<'x' | 'y' | 'x1' | 'y1' | 'x2' | 'y2', number>;
type Glyph = { index: number; advanceWidth: number; path: { commands: Command[] } };
type Font = { unitsPerEm: number; charToGlyph(char: string): Glyph };
type Parser = { parse(buffer: ArrayBuffer): Font };

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = `${root}.cache/fonts`;

function fetchPackage(spec: string): string {
  const folder = `${cache}/${spec.replaceAll('/', '-')}`;
  if (!existsSync(`${folder}/package`)) {
    mkdirSync(folder, { recursive: true });
    const file = execFileSync('npm', ['pack', spec, '--pack-destination', folder, '--silent'], { encoding: 'utf8' });
    execFileSync('tar', ['xzf', `${folder}/${file.trim()}`, '-C', folder]);
  }
  return `${folder}/package`;
}

/** SVG path data in thousandths of an em, y downwards. */
function pathData(commands: Command[], unitsPerEm: number): string {
  const unit = (value: number) => Math.round((value * 1000) / unitsPerEm);
  const point = (x: number, y: number) => `${unit(x)} ${unit(-y)}`;
  const parts = commands.map((c) => {
    if (c.type === 'Z') return 'Z';
    if (c.type === 'Q') return `Q${point(c.x1, c.y1)} ${point(c.x, c.y)}`;
    if (c.type === 'C') return `C${point(c.x1, c.y1)} ${point(c.x2, c.y2)} ${point(c.x, c.y)}`;
    return `${c.type}${point(c.x, c.y)}`;
  });
  return parts.join('').replaceAll(' -', '-');
}

function outlines(parser: Parser, folder: string, weight: number) {
  const glyphs: Record<string, [number, string]> = {};
  for (const subset of SUBSETS) {
    const file = readFileSync(`${folder}/files/inter-${subset}-${weight}-normal.woff`);
    const font = parser.parse(new Uint8Array(file).buffer);
    for (const [first, last] of RANGES)
      for (let code = first; code <= last; code++) {
        const char = String.fromCodePoint(code);
        const glyph = font.charToGlyph(char);
        if (glyph.index === 0 || glyphs[char]) continue;
        const advance = Math.round((glyph.advanceWidth * 1000) / font.unitsPerEm);
        glyphs[char] = [advance, pathData(glyph.path.commands, font.unitsPerEm)];
      }
  }
  return glyphs;
}

const parser = createRequire(import.meta.url)(`${fetchPackage(PARSER)}/dist/opentype.js`) as Parser;
const folder = fetchPackage(FONT);
const weights = Object.fromEntries(WEIGHTS.map((weight) => [weight, outlines(parser, folder, weight)]));
const woff2 = readFileSync(`${root}node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2`);
const text = `// Inter, https://rsms.me/inter, SIL Open Font License 1.1. Made by build/make-fonts.ts; read by font.ts.

/** Latin, variable weight, base64. */
export const INTER_WOFF2 =
  '${woff2.toString('base64')}';

/** Base64 of deflated JSON: {weight: {character: [advance, path data]}} in thousandths of an em. */
export const INTER_OUTLINES =
  '${deflateRawSync(JSON.stringify(weights), { level: 9 }).toString('base64')}';
`;
writeFileSync(`${root}electron/engine/report/inter.ts`, text);
for (const weight of WEIGHTS) console.log(`${weight}: ${Object.keys(weights[weight]!).length} characters`);
console.log(`electron/engine/report/inter.ts: ${Math.round(text.length / 1024)} KB`);
