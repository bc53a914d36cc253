// Folders of small images for the tests that drive a page: drawn here, so that a clone has all it needs.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';

/** A picture that differs by class (hue) and by number (a dot's place), as JPEG bytes. */
function picture(hue: number, n: number): Promise<Buffer> {
  const dot = `<circle cx="${12 + ((n * 17) % 40)}" cy="${12 + ((n * 29) % 40)}" r="${5 + (n % 5)}" fill="hsl(${(hue + 180) % 360} 80% ${40 + (n % 4) * 8}%)"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="hsl(${hue} 60% ${45 + (n % 7)}%)"/>${dot}</svg>`;
  return sharp(Buffer.from(svg)).jpeg({ quality: 85 }).toBuffer();
}

/** DIR/CLASS/NN.jpg for each class; returns DIR. */
export async function drawFolder(dir: string, classes: string[], perClass: number): Promise<string> {
  for (const [c, name] of classes.entries()) {
    mkdirSync(path.join(dir, name), { recursive: true });
    for (let n = 0; n < perClass; n += 1) {
      writeFileSync(
        path.join(dir, name, `${String(n).padStart(2, '0')}.jpg`),
        await picture((c * 360) / classes.length, n),
      );
    }
  }
  return dir;
}

/** The beginning of a JPEG and no more: its header reads, its pixels do not. */
export async function addBroken(file: string): Promise<void> {
  writeFileSync(file, (await picture(10, 99)).subarray(0, 500));
}

/** The same bytes at another place. */
export const addCopy = (from: string, to: string): void => copyFileSync(from, to);

/** `n` files of one class whose contents all differ (bytes after a JPEG's end are ignored), quickly. */
export async function drawMany(dir: string, n: number): Promise<string> {
  const bases = await Promise.all(Array.from({ length: 10 }, (_, i) => picture(i * 36, i)));
  for (const name of ['a', 'b']) mkdirSync(path.join(dir, name), { recursive: true });
  for (let i = 0; i < n; i += 1) {
    const bytes = Buffer.concat([bases[i % 10]!, Buffer.from(String(i))]);
    writeFileSync(path.join(dir, i % 2 === 0 ? 'a' : 'b', `${String(i).padStart(5, '0')}.jpg`), bytes);
  }
  return dir;
}
