// The built-in features, which need no pretrained weights: a histogram of oriented gradients and a colour histogram.
// HOG: N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005, with their classic parameters:
// 9 orientations over 180 degrees, cells of 8 x 8 pixels, blocks of 2 x 2 cells, L2-Hys clipped at 0.2, here on 64 x 64 pixels.
// As in the paper the gradient is [-1, 0, 1] on the square root of the pixels and that of the strongest of the three channels. As
// in scikit-image (skimage.feature.hog(transform_sqrt=True), which this equals) a pixel votes for one bin and one cell, unsmoothed.
// Colours: M. Swain and D. Ballard, "Color Indexing", IJCV 1991; 4 x 4 x 4 bins of RGB, with square roots taken (Hellinger).
import { type Rgb, resizeRgb } from './resize.ts';

const SIDE = 64;
const CELL = 8;
const CELLS = SIDE / CELL;
const BINS = 9;
const BLOCK = 2;
const BLOCKS = CELLS - BLOCK + 1;
const CLIP = 0.2;
const EPSILON = 1e-5;
const LEVELS = 4;
const GRADIENTS = BLOCKS * BLOCKS * BLOCK * BLOCK * BINS;
const COLOURS = LEVELS ** 3;

/** 7 x 7 blocks of 2 x 2 cells of 9 orientations, then 4 x 4 x 4 colours. */
export const HOG_DIM = GRADIENTS + COLOURS;

/** Part of the feature cache's key: raise it when the numbers change. */
export const HOG_VERSION = 'hog-1';

/** Each part has unit length, so that shape and colour weigh the same in a dot product. */
export function hogFeature(rgb: Rgb): Float32Array {
  // Squashed to a square: cropping would lose what stands at the edges, and nothing here was trained on right proportions.
  const pixels = resizeRgb(rgb, SIDE, SIDE, 'bilinear');
  const feature = new Float32Array(HOG_DIM);
  feature.set(unit(orientations(pixels)), 0);
  feature.set(unit(colours(pixels)), GRADIENTS);
  return feature;
}

/** `vector` divided by its length (a flat grey image has no gradient and stays 0). */
function unit(vector: Float64Array): Float64Array {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((v) => v / length);
}

/** Block-normalised histograms of 64 x 64 RGB pixels: [7, 7, 2, 2, 9], as skimage.feature.hog orders them. */
export function orientations(pixels: Uint8Array): Float64Array {
  const cells = cellHistograms(pixels);
  const out = new Float64Array(GRADIENTS);
  let at = 0;
  for (let row = 0; row < BLOCKS; row++) {
    for (let column = 0; column < BLOCKS; column++) {
      const start = at;
      for (let r = row; r < row + BLOCK; r++) {
        const from = (r * CELLS + column) * BINS;
        out.set(cells.subarray(from, from + BLOCK * BINS), at);
        at += BLOCK * BINS;
      }
      normaliseBlock(out.subarray(start, at));
    }
  }
  return out;
}

/** L2-Hys: to unit length, clipped, to unit length again. */
function normaliseBlock(block: Float64Array): void {
  const divide = () => {
    let squares = EPSILON * EPSILON;
    for (const v of block) squares += v * v;
    const length = Math.sqrt(squares);
    for (let i = 0; i < block.length; i++) block[i]! /= length;
  };
  divide();
  for (let i = 0; i < block.length; i++) block[i] = Math.min(block[i]!, CLIP);
  divide();
}

const SQRT = Float64Array.from({ length: 256 }, (_, v) => Math.sqrt(v));

/** Gradient magnitudes by orientation, averaged over each cell: [8, 8, 9]. Across the image's border there is no gradient. */
function cellHistograms(pixels: Uint8Array): Float64Array {
  const cells = new Float64Array(CELLS * CELLS * BINS);
  const at = (x: number, y: number, c: number) => SQRT[pixels[(y * SIDE + x) * 3 + c]!]!;
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      let [strongest, dx, dy] = [-1, 0, 0];
      for (let c = 0; c < 3; c++) {
        const across = x > 0 && x < SIDE - 1 ? at(x + 1, y, c) - at(x - 1, y, c) : 0;
        const down = y > 0 && y < SIDE - 1 ? at(x, y + 1, c) - at(x, y - 1, c) : 0;
        const magnitude = Math.sqrt(across * across + down * down);
        if (magnitude > strongest) [strongest, dx, dy] = [magnitude, across, down];
      }
      if (strongest === 0) continue;
      const degrees = (Math.atan2(dy, dx) * (180 / Math.PI) + 180) % 180;
      const bin = Math.min(BINS - 1, Math.floor(degrees / (180 / BINS)));
      cells[((y / CELL) | 0) * CELLS * BINS + ((x / CELL) | 0) * BINS + bin]! += strongest / (CELL * CELL);
    }
  }
  return cells;
}

/** Square roots of the shares of each of the 4 x 4 x 4 colours, red first. */
function colours(pixels: Uint8Array): Float64Array {
  const counts = new Float64Array(COLOURS);
  const level = (v: number) => (v * LEVELS) >> 8;
  for (let i = 0; i < pixels.length; i += 3)
    counts[(level(pixels[i]!) * LEVELS + level(pixels[i + 1]!)) * LEVELS + level(pixels[i + 2]!)]! += 1;
  return counts.map((n) => Math.sqrt(n / (SIDE * SIDE)));
}
