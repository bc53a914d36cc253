// Zero-shot on real CLIP vectors (../shared/features, not ours to copy): the published figures exactly.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type GridRow, runGrid } from '../../../electron/engine/methods/grid.ts';
import { readNpy } from '../../../electron/engine/npy.ts';
import { TEST, UNUSED } from '../../../shared/protocol.ts';
import { sharedPath } from '../../helpers/shared.ts';

const WORDS = ['dog', 'boat', 'bicycle', 'horse', 'motorcycle', 'snowboard', 'skateboard'];
const folder = sharedPath('features/clip-b32-image-flickr1000.npy') && sharedPath('features/');

describe('CLIP ViT-B/32', () => {
  it.skipIf(!folder)(
    'labels 286 photos zero-shot: 86.71 % right, 89.51 % macro recall (needs ../shared/features)',
    async () => {
      const matrix = (name: string) => readNpy(readFileSync(folder + name), name).data as Float32Array;
      const list = <T>(name: string) => JSON.parse(readFileSync(folder + name, 'utf8')) as T;
      const captions = list<string[]>('clip-b32-image-flickr1000.captions.json');
      const names = list<string[]>('lvis1203.names.json');
      const all = matrix('clip-b32-text-lvis1203.npy');
      const text = Float32Array.from(
        WORDS.flatMap((w) => [...all.subarray(names.indexOf(w) * 512, (names.indexOf(w) + 1) * 512)]),
      );
      const labels = Int32Array.from(captions, (caption) => {
        const held = WORDS.flatMap((w, c) => (new RegExp(`\\b${w}s?\\b`).test(caption.toLowerCase()) ? [c] : []));
        return held.length === 1 ? held[0]! : -1;
      });
      const rows: GridRow[] = [];
      await runGrid(
        {
          ...{
            classes: WORDS,
            labels,
            split: Uint8Array.from(labels, (c) => (c < 0 ? UNUSED : TEST)),
            seeds: 1,
            shots: [1],
          },
          ...{
            models: [{ id: 'clip', features: matrix('clip-b32-image-flickr1000.npy'), dim: 512, text }],
            methods: ['zero-shot'],
          },
          ...{ knnVote: 'similarity', knnIndex: 'auto' },
        },
        { onRow: (row) => rows.push(row) },
      );
      const [row] = rows;
      expect(row!.predicted.length).toBe(286);
      expect(WORDS.map((_, c) => labels.filter((label) => label === c).length)).toEqual([231, 5, 11, 10, 4, 3, 22]);
      expect((100 * row!.accuracy).toFixed(2)).toBe('86.71');
      expect(((100 * Object.values(row!.perClass).reduce((a, b) => a + b)) / 7).toFixed(2)).toBe('89.51');
    },
  );
});
