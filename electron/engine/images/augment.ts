// Training images as they are never seen twice: flips, random crops, colours and light distortions. Every choice comes from a
// stream of its own per (seed, epoch, item), so that the bytes depend neither on threads nor on the order of work.
import type { Augmentation } from '../../../shared/finetune.ts';
import { type Random, randomOf, shuffle } from '../../../shared/protocol.ts';
import {
  affine,
  autocontrast,
  brightness,
  contrast,
  cropped,
  equalize,
  flipped,
  posterize,
  rotation,
  saturation,
  sharpness,
  solarize,
} from './pillow-ops.ts';
import { normalise, resizedAndCropped } from './preprocess.ts';
import { type Rgb, resizeRgb } from './resize.ts';
import type { Preprocessing } from './spec.ts';

/** Which view of an image: its place in the run is (seed, epoch, item). */
export type View = { level: Augmentation; seed: number; epoch: number; item: number };

/**
 * What a file is decoded to once and may be kept as: what the model sees (none, flip), else the whole image, made smaller where
 * its shorter edge is more than twice the model's. All views are made from it, kept or not, so that keeping changes nothing.
 */
export type Base = 'input' | 'whole';
export const baseOf = (level: Augmentation): Base => (level === 'none' || level === 'flip' ? 'input' : 'whole');

/** Part of the area, and ratio of the sides, of a random crop. Few images want mild ones: 0.5, as Tip-Adapter and CLAP have it. */
const CROP_AREA: readonly [number, number] = [0.5, 1];
const CROP_RATIO: readonly [number, number] = [3 / 4, 4 / 3];
/** How far brightness, contrast and saturation go from 1. Hue stays: classes differ by it (flowers, birds). */
const JITTER = 0.3;
/** The part of 'strong' images whose colours are changed. */
const JITTERED = 0.8;

export function makeBase(rgb: Rgb, spec: Preprocessing, base: Base): Rgb {
  if (base === 'input') return { width: spec.width, height: spec.height, data: resizedAndCropped(rgb, spec) };
  const scale = (2 * Math.max(spec.width, spec.height)) / Math.min(rgb.width, rgb.height);
  if (scale >= 1) return rgb;
  const [width, height] = [Math.round(rgb.width * scale), Math.round(rgb.height * scale)];
  return { width, height, data: resizeRgb(rgb, width, height, spec.resample) };
}

/** Writes one view of a base as the model's input, [3, height, width], into `out` from `offset` on. */
export function writeView(base: Rgb, spec: Preprocessing, view: View, out: Float32Array, offset: number): void {
  normalise(augmented(base, spec, view.level, streamOf(view)).data, spec, out, offset);
}

/** Two integers mixed first, as a stream is named by one. */
const streamOf = ({ seed, epoch, item }: View): Random => randomOf(Math.floor(randomOf(seed, epoch)() * 2 ** 32), item);

/** The bytes of a view; `base` as `makeBase` gives it for the level. */
export function augmented(base: Rgb, spec: Preprocessing, level: Augmentation, random: Random): Rgb {
  if (level === 'none') return base;
  const flip = random() < 0.5;
  const view = level === 'flip' ? base : randomCrop(base, spec, random);
  const turned = flip ? flipped(view) : view;
  return level === 'strong' ? jittered(distorted(turned, spec, random), random) : turned;
}

const between = (random: Random, low: number, high: number) => low + (high - low) * random();
/** An integer from 0 to `most`. */
const upTo = (random: Random, most: number) => Math.floor(random() * (most + 1));

export type Box = { left: number; top: number; width: number; height: number };

/** torchvision's RandomResizedCrop.get_params: ten tries, else the largest middle part within the ratios. */
export function cropBox(width: number, height: number, random: Random): Box {
  const [low, high] = CROP_RATIO;
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(random, ...CROP_AREA);
    const ratio = Math.exp(between(random, Math.log(low), Math.log(high)));
    const w = Math.round(Math.sqrt(area * ratio));
    const h = Math.round(Math.sqrt(area / ratio));
    if (w > 0 && w <= width && h > 0 && h <= height)
      return { left: upTo(random, width - w), top: upTo(random, height - h), width: w, height: h };
  }
  const ratio = width / height;
  const w = ratio > high ? Math.max(1, Math.round(height * high)) : width;
  const h = ratio < low ? Math.max(1, Math.round(width / low)) : height;
  return { left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h };
}

function randomCrop(image: Rgb, spec: Preprocessing, random: Random): Rgb {
  const part = cropped(image, cropBox(image.width, image.height, random));
  return {
    width: spec.width,
    height: spec.height,
    data: resizeRgb(part, spec.width, spec.height, spec.resample),
  };
}

/** torchvision's ColorJitter without hue: in random order. */
function jittered(image: Rgb, random: Random): Rgb {
  if (random() >= JITTERED) return image;
  const ops = [brightness, contrast, saturation];
  return shuffle([0, 1, 2], random).reduce((now, k) => ops[k]!(now, between(random, 1 - JITTER, 1 + JITTER)), image);
}

type Distortion = (image: Rgb, random: Random, fill: readonly [number, number, number]) => Rgb;
/** From -most to most. */
const around = (random: Random, most: number) => between(random, -most, most);

/** RandAugment's operations (Cubuk et al., arXiv 1909.13719) at about a third of their usual strength. */
const DISTORTIONS: readonly Distortion[] = [
  (image) => image,
  (image, random, fill) => affine(image, rotation(image, around(random, 10)), fill),
  (image, random, fill) => {
    const shear = around(random, 0.1);
    return affine(image, [1, shear, (-shear * image.height) / 2, 0, 1, 0], fill);
  },
  (image, random, fill) => {
    const shear = around(random, 0.1);
    return affine(image, [1, 0, 0, shear, 1, (-shear * image.width) / 2], fill);
  },
  (image, random, fill) => {
    const x = Math.round(around(random, 0.1) * image.width);
    const y = Math.round(around(random, 0.1) * image.height);
    return affine(image, [1, 0, x, 0, 1, y], fill);
  },
  (image, random) => posterize(image, 5 + upTo(random, 2)),
  (image, random) => solarize(image, 192 + upTo(random, 63)),
  autocontrast,
  equalize,
  (image, random) => sharpness(image, between(random, 0.5, 1.5)),
];

/** One or two of them. What is uncovered gets the colour that the model sees as 0. */
function distorted(image: Rgb, spec: Preprocessing, random: Random): Rgb {
  const grey = (mean: number) => Math.min(255, Math.max(0, Math.round(mean / spec.rescale)));
  const fill = [grey(spec.mean[0]), grey(spec.mean[1]), grey(spec.mean[2])] as const;
  let now = image;
  for (let n = 1 + upTo(random, 1); n > 0; n--)
    now = DISTORTIONS[upTo(random, DISTORTIONS.length - 1)]!(now, random, fill);
  return now;
}
