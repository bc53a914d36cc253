// What a loaded model can do for the rest of the engine: turn image files and captions into feature rows.
import type { Failure } from '../images/spec.ts';
import type { Tokens } from './tokenizer.ts';

export type Embedder = {
  id: string;
  name: string;
  /** Cache key of its image features: hash of the model file, output, preprocessing and its version. */
  key: string;
  /** SHA-256 of the model file (and its external data), hex. */
  hash: string;
  dim: number;
  /** Which output is the feature, such as 'image_embeds'. */
  output: string;
  /** The execution provider it really runs on. */
  device: string;
  pretrained: boolean;
  licence: string | null;
  /** Logit scale (multiplies the cosine) when the model states it. */
  scale: number | null;
  /** Images per run that suit the device. */
  batch: number;
  /** Images of the smallest run that costs no more an image: `batch` where the device or the model wants all of them. */
  least: number;
  /** Batches that run side by side; one more should be under way, so that decoding never waits. */
  lanes: number;
  /**
   * Feature rows [files.length, dim], not normalised; the rows of failures are zero. With `hashes` (SHA-256 of each file, hex) a
   * file that has another content by now is a failure.
   */
  images(
    files: string[],
    signal?: AbortSignal,
    hashes?: string[],
  ): Promise<{ features: Float32Array; failures: Failure[] }>;
  /** Rows [captions.length, dim] in the same space, not normalised; null when the model has no text side for this output. */
  text: ((captions: string[], signal?: AbortSignal) => Promise<Float32Array>) | null;
  /** Captions as ids, all as long as the longest, or as the context where the text side needs that; null as `text` is. */
  tokens: ((captions: string[]) => Promise<Tokens>) | null;
  /** The model's own classes, in the order of its logits; null when the feature is not logits. */
  labels: string[] | null;
};
