// Makes models/demo-icons.zip, the dataset of the first start: 12 kinds of icons, 20 to train on and 30 to test, 64 px.
// Run by hand (`node build/make-demo.ts`); the archive is committed. The icons come from @mdi/svg (Apache-2.0).
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { strToU8, type Zippable, zipSync } from 'fflate';
import sharp from 'sharp';

const PACKAGE = '@mdi/svg@7.4.47';
const CLASSES = [
  'account',
  'battery',
  'book',
  'calendar',
  'cloud',
  'file',
  'folder',
  'home',
  'message',
  'phone',
  'printer',
  'shield',
];
const TRAIN = 20;
const TEST = 30;
const SIZE = 64;
const SEED = 12;

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = `${root}.cache/demo`;

type Random = () => number;

/** mulberry32: uniform in [0, 1). */
function random(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffle<T>(values: T[], next: Random): T[] {
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** The unpacked package, fetched once by npm. */
function fetchIcons(): string {
  const folder = `${cache}/package`;
  if (existsSync(`${folder}/svg`)) return folder;
  mkdirSync(cache, { recursive: true });
  const file = execFileSync('npm', ['pack', PACKAGE, '--pack-destination', cache, '--silent'], { encoding: 'utf8' });
  execFileSync('tar', ['xzf', `${cache}/${file.trim()}`, '-C', cache]);
  return folder;
}

/** The icon in a random colour on a random ground, moved, turned and scaled a little: shape is what a class shares. */
async function draw(svg: string, next: Random): Promise<Uint8Array> {
  const path = /<path[^>]* d="([^"]+)"/.exec(svg)?.[1];
  if (!path) throw new Error(`No path in ${svg.slice(0, 80)}`);
  const between = (low: number, high: number) => low + (high - low) * next();
  const ground = `hsl(${between(0, 360)},${between(10, 40)}%,${between(86, 96)}%)`;
  const ink = `hsl(${between(0, 360)},${between(30, 80)}%,${between(18, 42)}%)`;
  const scale = (SIZE / 24) * between(0.74, 0.9);
  const [x, y] = [SIZE / 2 + between(-3, 3), SIZE / 2 + between(-3, 3)];
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}"><rect width="100%" height="100%" fill="${ground}"/><path fill="${ink}" transform="translate(${x} ${y}) rotate(${between(-8, 8)}) scale(${scale}) translate(-12 -12)" d="${path}"/></svg>`;
  return sharp(Buffer.from(picture)).flatten().png({ palette: true, colours: 16, compressionLevel: 9 }).toBuffer();
}

async function main(): Promise<void> {
  const folder = fetchIcons();
  const names = readdirSync(`${folder}/svg`).map((file) => file.slice(0, -'.svg'.length));
  const next = random(SEED);
  const files: Zippable = {};
  for (const name of CLASSES) {
    const own = names.filter((icon) => icon === name || icon.startsWith(`${name}-`)).sort();
    if (own.length < TRAIN + TEST) throw new Error(`${name} has ${own.length} icons, ${TRAIN + TEST} are needed.`);
    for (const [i, icon] of shuffle(own, next)
      .slice(0, TRAIN + TEST)
      .entries()) {
      const picture = await draw(readFileSync(`${folder}/svg/${icon}.svg`, 'utf8'), next);
      files[`icons/${i < TRAIN ? 'train' : 'test'}/${name}/${icon}.png`] = picture;
    }
  }
  const notice = `600 of the icons of ${PACKAGE} (Pictogrammers, https://pictogrammers.com), redrawn at ${SIZE} px in random colours.\n\n`;
  files['LICENSE.txt'] = strToU8(notice + readFileSync(`${folder}/LICENSE`, 'utf8'));
  const zip = zipSync(files, { level: 9, mtime: '2020-01-01T12:00:00' });
  writeFileSync(`${root}models/demo-icons.zip`, zip);
  console.log(`models/demo-icons.zip: ${Object.keys(files).length - 1} images, ${(zip.length / 1e6).toFixed(2)} MB`);
}

await main();
