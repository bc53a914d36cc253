// preprocessor_config.json in the forms that are out there; expected values by the image processors of transformers and timm.
import { describe, expect, test } from 'vitest';
import { readPreprocessing } from '../../../electron/engine/models/preprocessing.ts';

const read = (json: Record<string, unknown>, imageSize: number | null = null) =>
  readPreprocessing(json, imageSize, 'preprocessor_config.json');
const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073];

describe('old and new forms', () => {
  test('CLIP, numbers only (2021)', () => {
    const old = {
      crop_size: 224,
      do_center_crop: true,
      do_normalize: true,
      do_resize: true,
      feature_extractor_type: 'CLIPFeatureExtractor',
      image_mean: CLIP_MEAN,
      image_std: [0.26862954, 0.26130258, 0.27577711],
      resample: 3,
      size: 224,
    };
    expect(read(old)).toEqual({
      resize: { mode: 'shortest', size: 224 },
      resample: 'bicubic',
      crop: { height: 224, width: 224 },
      rescale: 1 / 255,
      mean: CLIP_MEAN,
      std: [0.26862954, 0.26130258, 0.27577711],
      height: 224,
      width: 224,
      bgr: false,
    });
    const now = {
      ...old,
      feature_extractor_type: undefined,
      image_processor_type: 'CLIPImageProcessor',
      size: { shortest_edge: 224 },
      crop_size: { height: 224, width: 224 },
      do_rescale: true,
      rescale_factor: 1 / 255,
    };
    expect(read(now)).toEqual(read(old));
  });
  test('ViT: a bare number is both edges; SigLIP and DeiT likewise', () => {
    expect(
      read({
        feature_extractor_type: 'ViTFeatureExtractor',
        size: 224,
        resample: 2,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
      }),
    ).toMatchObject({
      resize: { mode: 'exact', width: 224, height: 224 },
      resample: 'bilinear',
      crop: null,
      mean: [0.5, 0.5, 0.5],
    });
    expect(
      read({
        image_processor_type: 'SiglipImageProcessor',
        size: { height: 384, width: 384 },
        resample: 3,
        image_mean: [0.5, 0.5, 0.5],
        image_std: [0.5, 0.5, 0.5],
      }),
    ).toMatchObject({ resize: { mode: 'exact', width: 384, height: 384 }, crop: null, height: 384 });
    expect(
      read({
        feature_extractor_type: 'DeiTFeatureExtractor',
        size: 256,
        crop_size: 224,
        do_center_crop: true,
        resample: 3,
        image_mean: IMAGENET_MEAN,
        image_std: [0.229, 0.224, 0.225],
      }),
    ).toMatchObject({
      resize: { mode: 'exact', width: 256, height: 256 },
      crop: { height: 224, width: 224 },
      width: 224,
    });
  });
  test('DINOv2 resizes to 256 and crops 224', () => {
    expect(
      read({
        image_processor_type: 'BitImageProcessor',
        crop_size: { height: 224, width: 224 },
        do_center_crop: true,
        size: { shortest_edge: 256 },
        resample: 3,
        image_mean: IMAGENET_MEAN,
      }),
    ).toMatchObject({
      resize: { mode: 'shortest', size: 256 },
      crop: { height: 224, width: 224 },
      mean: IMAGENET_MEAN,
    });
  });
});

describe('families with a rule of their own', () => {
  test.each([
    [
      { size: 224, crop_pct: 0.875, resample: 3 },
      { mode: 'shortest', size: 256 },
      { height: 224, width: 224 },
    ],
    [
      { size: { shortest_edge: 224 }, crop_pct: 0.95 },
      { mode: 'shortest', size: 235 },
      { height: 224, width: 224 },
    ],
    [{ size: { shortest_edge: 224 } }, { mode: 'shortest', size: 256 }, { height: 224, width: 224 }],
    [{ size: { shortest_edge: 384 }, crop_pct: 1 }, { mode: 'exact', width: 384, height: 384 }, null],
  ])('ConvNeXt, and ResNet with its processor: %j', (json, resize, crop) => {
    expect(read({ feature_extractor_type: 'ConvNextFeatureExtractor', ...json })).toMatchObject({ resize, crop });
  });
  test('MobileViT wants blue first and no normalisation', () => {
    expect(
      read({
        image_processor_type: 'MobileViTImageProcessor',
        size: { shortest_edge: 288 },
        crop_size: { height: 256, width: 256 },
        do_center_crop: true,
        do_flip_channel_order: true,
      }),
    ).toMatchObject({ bgr: true, mean: [0, 0, 0], std: [1, 1, 1], height: 256 });
  });
  test('EfficientNet divides by std twice, and may shift the scale', () => {
    const json = {
      image_processor_type: 'EfficientNetImageProcessor',
      size: { height: 224, width: 224 },
      resample: 0,
      do_normalize: true,
      include_top: true,
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.25, 1],
      rescale_offset: true,
    };
    expect(read(json)).toMatchObject({ resample: 'nearest', mean: [1.5, 1.5, 1.5], std: [0.25, 0.0625, 1] });
  });
  test('timm, in config.json', () => {
    const pretrained_cfg = {
      input_size: [3, 224, 224],
      interpolation: 'bicubic',
      crop_pct: 0.9,
      mean: IMAGENET_MEAN,
      std: [0.229, 0.224, 0.225],
    };
    expect(read({ pretrained_cfg })).toMatchObject({
      resize: { mode: 'shortest', size: 248 },
      resample: 'bicubic',
      crop: { height: 224, width: 224, halves: 'even' },
      mean: IMAGENET_MEAN,
    });
    expect(read({ pretrained_cfg: { ...pretrained_cfg, crop_mode: 'squash', crop_pct: 1 } })).toMatchObject({
      resize: { mode: 'exact', width: 224, height: 224 },
    });
  });
});

describe('switches', () => {
  test('nothing normalised, nothing rescaled', () => {
    expect(read({ size: 32, do_rescale: false, do_normalize: false })).toMatchObject({
      rescale: 1,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    });
  });
  test('no resize: the image is cropped to what the model takes', () => {
    expect(read({ do_resize: false }, 32)).toMatchObject({ resize: { mode: 'none' }, crop: { height: 32, width: 32 } });
  });
  test('shortest edge without a crop needs a model that states its size', () => {
    const json = { image_processor_type: 'CLIPImageProcessor', size: { shortest_edge: 64 }, do_center_crop: false };
    expect(read(json, 64)).toMatchObject({ resize: { mode: 'shortest', size: 64 }, crop: { height: 64, width: 64 } });
    expect(() => read(json)).toThrow(/varying size.*Add crop_size/);
  });
});
