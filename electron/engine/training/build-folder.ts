// A new vision model as a folder in the Hugging Face ONNX layout, which every screen, and transformers.js, can open.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildViT, type ViTConfig } from './build-vit.ts';
import { decodeModel, encodeModel } from './onnx/proto.ts';
import { tensorProto, writeGraph } from './onnx/write.ts';
import type { Prepared } from './prepare.ts';

/** CLIP's mean and deviation of the red, green and blue channel. */
const MEAN = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION = [0.26862954, 0.26130258, 0.27577711];
const BICUBIC = 3;

/** Writes config.json, preprocessor_config.json and onnx/vision_model.onnx (any batch size, random weights of `seed`). */
export function writeVisionModel(folder: string, config: ViTConfig, seed = 0): void {
  mkdirSync(path.join(folder, 'onnx'), { recursive: true });
  const built = buildViT({ ...config, batch: 1, seed, dynamic: true });
  writeFileSync(path.join(folder, 'onnx', 'vision_model.onnx'), openBatch(built));
  writeJson(path.join(folder, 'config.json'), modelConfig(config));
  writeJson(path.join(folder, 'preprocessor_config.json'), preprocessor(config.image));
}

const writeJson = (file: string, value: unknown) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);

/** The file's bytes: parameters as initializers, the first size of inputs and outputs left open. */
function openBatch({ graph, parameters }: Prepared): Uint8Array {
  const model = decodeModel(writeGraph(graph)); // small: the weights are inputs so far
  const names = new Set(parameters.map((p) => p.name));
  model.graph.input = model.graph.input.filter((info) => !names.has(info.name));
  for (const info of [...model.graph.input, ...model.graph.output])
    info.type!.tensor_type!.shape!.dim![0] = { dim_param: 'batch_size' };
  model.graph.initializer = [
    ...(model.graph.initializer ?? []),
    ...parameters.map(({ name, shape, data }) => tensorProto({ name, shape, dtype: 'float32' }, data)),
  ];
  // what onnxruntime of older Pythons and of browsers still reads
  model.opset_import = [{ domain: '', version: 17 }];
  model.ir_version = 8;
  return encodeModel(model);
}

function modelConfig(config: ViTConfig) {
  const vision = {
    model_type: 'clip_vision_model',
    hidden_size: config.width,
    intermediate_size: config.mlp,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    image_size: config.image,
    patch_size: config.patch,
    num_channels: 3,
    hidden_act: config.activation,
    layer_norm_eps: 1e-5,
    ...(config.projection ? { projection_dim: config.projection } : {}),
  };
  return config.projection
    ? { architectures: ['CLIPVisionModelWithProjection'], ...vision }
    : { architectures: ['CLIPVisionModel'], ...vision };
}

const preprocessor = (side: number) => ({
  do_convert_rgb: true,
  do_resize: true,
  size: { shortest_edge: side },
  resample: BICUBIC,
  do_center_crop: true,
  crop_size: { height: side, width: side },
  do_rescale: true,
  rescale_factor: 1 / 255,
  do_normalize: true,
  image_mean: MEAN,
  image_std: DEVIATION,
  image_processor_type: 'CLIPImageProcessor',
});
