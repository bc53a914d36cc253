// How pixels become a model's input, as preprocessor_config.json says it.

export type Resample = 'nearest' | 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

/** decode -> upright RGB -> resize (Pillow's, 8-bit) -> centre crop -> (v * rescale - mean) / std -> float32 [3, height, width]. */
export type Preprocessing = {
  /** shortest: the shorter edge becomes `size`, the other keeps the ratio (rounded down); exact: width x height; none. */
  resize: { mode: 'shortest'; size: number } | { mode: 'exact'; width: number; height: number } | { mode: 'none' };
  resample: Resample;
  /**
   * Centre crop, padded with 0 where the image is smaller; null: none. Half a pixel is rounded down, with `halves: 'even'` to
   * the even side, as torchvision does.
   */
  crop: { width: number; height: number; halves?: 'even' } | null;
  /** 1/255, or 1 when the model takes bytes. */
  rescale: number;
  mean: [number, number, number];
  std: [number, number, number];
  /** Input height and width after all this. */
  height: number;
  width: number;
};

/** Why item `index` of a batch gave nothing; the others go on. */
export type Failure = { index: number; reason: string };
