// Reads preprocessor_config.json, in every form Hugging Face has written it, into the lab's own description.
// Each family's peculiar rule is the one of its image processor in transformers; plain fields win where they are given.
import { LabError } from '../../../shared/contract.ts';
import type { Preprocessing, Resample } from '../images/spec.ts';

export type Json = { [key: string]: unknown };

/** `bgr`: the model wants blue first. */
export type ModelInput = Preprocessing & { bgr: boolean };

type Edges = { height: number; width: number } | { shortest: number };

// PIL.Image.Resampling
const RESAMPLE: Resample[] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming'];

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const HALF = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const CLIP = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] };
const ONE_OF_THE_256 = 256 / 224;

type Family = {
  /** Part of image_processor_type or feature_extractor_type, lower case. */
  match: RegExp;
  /** What a bare number means for `size`, and what stands where a field is left out. */
  square: boolean;
  resample: number;
  crop: boolean;
  size: number;
  mean: number[];
  std: number[];
  /** The shorter edge is made larger than the crop by this factor, below `until` pixels. */
  enlarge?: (json: Json, size: number) => number | 'exact';
};

// Order matters: the first match is taken.
const FAMILIES: Family[] = [
  {
    match: /convnext/,
    square: false,
    resample: 2,
    crop: false,
    size: 384,
    ...IMAGENET,
    enlarge: (json, size) => (size >= 384 ? 'exact' : 1 / (number(json.crop_pct) ?? 224 / 256)),
  },
  { match: /^levit/, square: false, resample: 3, crop: true, size: 224, ...IMAGENET, enlarge: () => ONE_OF_THE_256 },
  {
    match: /poolformer/,
    square: false,
    resample: 3,
    crop: true,
    size: 224,
    ...IMAGENET,
    enlarge: (json) => 1 / (number(json.crop_pct) ?? 0.9),
  },
  { match: /siglip/, square: true, resample: 3, crop: false, size: 224, ...HALF },
  { match: /deit/, square: true, resample: 3, crop: true, size: 256, ...IMAGENET },
  { match: /beit/, square: true, resample: 3, crop: true, size: 256, ...HALF },
  { match: /mobilevit/, square: false, resample: 2, crop: true, size: 224, mean: [0, 0, 0], std: [1, 1, 1] },
  { match: /mobilenet/, square: false, resample: 2, crop: true, size: 256, ...HALF },
  { match: /efficientnet/, square: true, resample: 0, crop: false, size: 346, ...IMAGENET },
  { match: /bit(image|feature)/, square: false, resample: 3, crop: true, size: 224, ...CLIP },
  { match: /clip/, square: false, resample: 3, crop: true, size: 224, ...CLIP },
  { match: /vit/, square: true, resample: 2, crop: false, size: 224, ...HALF },
];
const PLAIN: Family = { match: /./, square: true, resample: 2, crop: false, size: 224, ...IMAGENET };

const number = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

/** 224, [224, 224], {height, width} or {shortest_edge}. */
function readSize(value: unknown, square: boolean, name: string): Edges | null {
  if (value === undefined || value === null) return null;
  const plain = number(value);
  if (plain !== undefined) return square ? { height: plain, width: plain } : { shortest: plain };
  if (Array.isArray(value)) {
    const [first, second] = value.map(number);
    if (first !== undefined)
      return second === undefined ? readSize(first, square, name) : { height: first, width: second };
  }
  const { height, width, shortest_edge: shortest, longest_edge: longest } = value as Json;
  if (number(height) !== undefined && number(width) !== undefined)
    return { height: number(height)!, width: number(width)! };
  if (number(shortest) !== undefined && longest === undefined) return { shortest: number(shortest)! };
  throw new LabError(
    'unsupported',
    `${name} asks for a size that the lab does not know: ${JSON.stringify(value)}. It reads a number, {height, width} and {shortest_edge}.`,
  );
}

const triple = (value: unknown, fallback: number[]): [number, number, number] => {
  const list =
    Array.isArray(value) && value.length === 3
      ? value.map(Number)
      : number(value) !== undefined
        ? [value, value, value].map(Number)
        : fallback;
  return [list[0]!, list[1]!, list[2]!];
};

/**
 * `json`: preprocessor_config.json; `imageSize`: height and width the model itself is made for, where it says.
 * Throws `unsupported` or `bad-request` naming `name`.
 */
export function readPreprocessing(json: Json, imageSize: number | null, name: string): ModelInput {
  const timm = timmConfig(json);
  if (timm) return readTimm(timm, name);
  const type = String(json.image_processor_type ?? json.feature_extractor_type ?? '').toLowerCase();
  const family = FAMILIES.find((candidate) => candidate.match.test(type)) ?? {
    ...PLAIN,
    crop: json.crop_size !== undefined,
  };
  const resampleId = number(json.resample) ?? family.resample;
  const resample = RESAMPLE[resampleId];
  if (!resample)
    throw new LabError('bad-request', `${name}: resample ${resampleId} is not one of Pillow's filters (0 to 5).`);

  const edges =
    readSize(json.size, family.square && !(type === '' && json.do_center_crop), name) ??
    (family.square ? { height: family.size, width: family.size } : { shortest: family.size });
  const crops = json.do_center_crop === undefined ? family.crop : json.do_center_crop === true;
  let crop = crops ? (readSize(json.crop_size, true, name) ?? null) : null;
  if (crops && !crop) crop = 'shortest' in edges ? { height: edges.shortest, width: edges.shortest } : edges;

  let resize = json.do_resize === false ? ({ mode: 'none' } as const) : toResize(edges);
  if (resize.mode === 'shortest' && family.enlarge) {
    const size = resize.size;
    const factor = family.enlarge(json, size);
    crop = factor === 'exact' ? null : (crop ?? { height: size, width: size });
    // int(size / crop_pct), as the processors have it; the small addend undoes 224 * (1 / 0.875) = 255.99...
    resize =
      factor === 'exact'
        ? { mode: 'exact', width: size, height: size }
        : { mode: 'shortest', size: Math.floor(size * factor + 1e-9) };
  }
  const square = crop && 'height' in crop ? crop : resize.mode === 'exact' ? resize : null;
  const [height, width] = square ? [square.height, square.width] : [imageSize, imageSize];
  if (!height || !width)
    throw new LabError(
      'unsupported',
      `${name} gives images of varying size (no crop, no exact size), and the model does not state its own. Add crop_size and do_center_crop to ${name}.`,
    );
  return {
    resize,
    resample,
    // an image that is not brought to the model's size otherwise is cropped to it
    crop: resize.mode === 'exact' && !crop ? null : { height, width },
    ...readScaling(json, family),
    height,
    width,
    bgr:
      json.do_flip_channel_order === undefined
        ? family.match.source === 'mobilevit'
        : json.do_flip_channel_order === true,
  };
}

const toResize = (edges: Edges): Preprocessing['resize'] =>
  'shortest' in edges
    ? { mode: 'shortest', size: edges.shortest }
    : { mode: 'exact', width: edges.width, height: edges.height };

/** (v * rescale - mean) / std, with EfficientNet's second division by std and its offset folded in. */
function readScaling(json: Json, family: Family): Pick<Preprocessing, 'rescale' | 'mean' | 'std'> {
  const rescale = json.do_rescale === false ? 1 : (number(json.rescale_factor) ?? 1 / 255);
  const offset = json.rescale_offset === true ? 1 : 0;
  const normalises = json.do_normalize === undefined ? family.match.source !== 'mobilevit' : json.do_normalize === true;
  if (!normalises) return { rescale, mean: [offset, offset, offset], std: [1, 1, 1] };
  const mean = triple(json.image_mean, family.mean);
  const std = triple(json.image_std, family.std);
  const twice = json.include_top === true && family.match.source === 'efficientnet';
  return {
    rescale,
    mean: [mean[0] + offset, mean[1] + offset, mean[2] + offset],
    std: twice ? [std[0] ** 2, std[1] ** 2, std[2] ** 2] : std,
  };
}

/** timm's settings, in config.json or as TimmWrapperImageProcessor writes them. */
function timmConfig(json: Json): Json | null {
  const config = (json.pretrained_cfg ?? json.default_cfg) as Json | undefined;
  return config && Array.isArray(config.input_size) ? config : null;
}

function readTimm(config: Json, name: string): ModelInput {
  const [, height, width] = (config.input_size as unknown[]).map(Number);
  const resample = String(config.interpolation ?? 'bicubic') as Resample;
  if (!height || !width || !RESAMPLE.includes(resample))
    throw new LabError(
      'bad-request',
      `${name}: the timm settings name an input size or interpolation that the lab does not know.`,
    );
  const squash = config.crop_mode === 'squash';
  const larger = (edge: number) => Math.floor(edge / (number(config.crop_pct) ?? 0.875) + 1e-9);
  return {
    resize: squash
      ? { mode: 'exact', width: larger(width), height: larger(height) }
      : { mode: 'shortest', size: larger(Math.min(height, width)) },
    resample,
    crop: { height, width, halves: 'even' },
    rescale: 1 / 255,
    mean: triple(config.mean, IMAGENET.mean),
    std: triple(config.std, IMAGENET.std),
    height,
    width,
    bgr: false,
  };
}
