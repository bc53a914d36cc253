// The backbone that needs no download: a histogram of oriented gradients and colours (images/hog.ts), no pretraining.
import type { ModelInfo } from '../../../shared/contract.ts';
import { HOG_DIM, HOG_VERSION } from '../images/hog.ts';
import type { ImagePool } from '../images/pool.ts';
import type { Embedder } from './embedder.ts';

export const HOG_INFO: ModelInfo = {
  id: 'hog',
  name: 'HOG and colour (no pretraining)',
  family: 'hog',
  source: 'built-in',
  path: null,
  installed: true,
  pretrained: false,
  hasText: false,
  outputs: ['hog'],
  dim: HOG_DIM,
  imageSize: null,
  bytes: 0,
  licence: 'MIT',
  repo: null,
  goodFor: 'No pretraining: the line every foundation model has to beat. Runs at once, with nothing downloaded.',
  problem: null,
};

export const hogEmbedder = (images: () => ImagePool): Embedder => ({
  id: HOG_INFO.id,
  name: HOG_INFO.name,
  key: HOG_VERSION,
  hash: HOG_VERSION,
  dim: HOG_DIM,
  output: 'hog',
  device: 'cpu',
  pretrained: false,
  licence: HOG_INFO.licence,
  scale: null,
  batch: 64,
  least: 64,
  lanes: 1,
  images: (files, signal, hashes) => images().hog(files, { signal, hashes }),
  text: null,
  tokens: null,
  labels: null,
});
