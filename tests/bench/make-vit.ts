// Writes a folder with a random-weight ViT-B/32 vision tower (or a smaller one), for benches that need an architecture, not
// a good model: node tests/bench/make-vit.ts OUT [--size b32|tiny] [--seed N]
import { parseArgs } from 'node:util';
import { writeVisionModel } from '../../electron/engine/training/build-folder.ts';
import type { ViTConfig } from '../../electron/engine/training/build-vit.ts';

const common = { activation: 'quick_gelu', pool: 'cls' } as const;
const SIZES: Record<string, ViTConfig> = {
  b32: { ...common, image: 224, patch: 32, width: 768, layers: 12, heads: 12, mlp: 3072, projection: 512 },
  tiny: { ...common, image: 64, patch: 16, width: 64, layers: 2, heads: 4, mlp: 128, projection: 32 },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { size: { type: 'string', default: 'b32' }, seed: { type: 'string', default: '0' } },
});
const [out] = positionals;
const config = SIZES[values.size];
if (!out || !config) {
  console.error(`make-vit OUT [--size ${Object.keys(SIZES).join('|')}] [--seed N]`);
  process.exitCode = 2;
} else {
  writeVisionModel(out, config, Number(values.seed));
  console.log(`${out}: a random ViT, ${values.size}`);
}
