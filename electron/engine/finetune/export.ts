// A fine-tuned model as a model: the source's folder with the changed weights, a head of its own, labels and a card.
import type { ModelFolder } from '../models/folder.ts';
import type { Weights } from './wise.ts';

export type ExportHead = {
  /** [classes, dim]. */
  weight: Float32Array;
  /** [classes]. */
  bias: Float32Array;
  /** Which output of the source is the feature (FeatureOutput.id), such as `image_embeds` or `before:logits`. */
  feature: string;
  /** Sizes of the tensor behind it for one image, such as [512] or [197, 768], as the prepared graph states them. */
  shape: readonly number[];
  /** The feature is brought to length 1 first. */
  normalised: boolean;
  /** logits = scale * (weight . feature) + bias. */
  scale: number;
};

export type ExportOptions = {
  source: ModelFolder;
  /** Changed initializers of the vision file by name, in the file's own layout. */
  weights: Weights;
  head: ExportHead | null;
  classes: readonly string[];
  /** The folder to make; its name is the model's id. */
  target: string;
  /** The model card; it is told what became of the files. */
  card: (facts: ExportFacts) => string;
  signal?: AbortSignal | undefined;
  /** Above this many bytes weights go into a file of their own (ONNX files end at 2 GiB). */
  largest?: number;
};

export type ExportFacts = {
  /** The model's id. */
  name: string;
  /** Relative to the folder, with forward slashes: `onnx/model.onnx`. */
  file: string;
  pixels: string;
  textFile: string | null;
  source: ModelFolder;
  classes: readonly string[];
  /** How many tensors, and numbers in them, differ from the source's. */
  changed: { tensors: number; numbers: number };
};
