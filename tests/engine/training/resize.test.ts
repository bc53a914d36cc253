// The maps that Resize's gradient is made of, against what the runtime's own Resize does to unit vectors.
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { Attrs } from '../../../electron/engine/training/graph.ts';
import { createGraph } from '../../../electron/engine/training/graph.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';
import { resizeMatrix } from '../../../electron/engine/training/ops/spatial.ts';

/** Row-major [to, from], by resizing every unit vector along the last axis of an image two rows high. */
async function measured(from: number, to: number, attrs: Attrs): Promise<Float32Array> {
  const g = createGraph(ops);
  const x = g.input('x', [1, from, 2, from]);
  const y = g.emit('Resize', [x, null, null, g.ints([1, from, 2, to])], attrs);
  g.outputs = [y];
  const session = await ort.InferenceSession.create(writeGraph(g), { logSeverityLevel: 3 });
  const eye = Float32Array.from({ length: from * 2 * from }, (_, i) =>
    Math.floor(i / (2 * from)) === i % from ? 1 : 0,
  );
  const out = await session.run({ x: new ort.Tensor('float32', eye, [1, from, 2, from]) });
  await session.release();
  const data = out[y.name]!.data as Float32Array;
  return Float32Array.from({ length: to * from }, (_, i) => data[(i % from) * 2 * to + Math.floor(i / from)]!);
}

const COORDINATES = ['half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel', 'half_pixel_symmetric'];
const NEAREST = ['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'];
const kinds: Attrs[] = COORDINATES.flatMap((coordinate_transformation_mode): Attrs[] => [
  ...NEAREST.map((nearest_mode) => ({ mode: 'nearest', nearest_mode, coordinate_transformation_mode })),
  { mode: 'linear', coordinate_transformation_mode },
  { mode: 'cubic', coordinate_transformation_mode },
  { mode: 'cubic', exclude_outside: 1, coordinate_transformation_mode },
]);
kinds.push({ mode: 'linear', antialias: 1 }, { mode: 'cubic', antialias: 1, cubic_coeff_a: { float: -0.5 } });

describe.each(kinds)('%o', (attrs) => {
  test.each([
    [4, 7],
    [7, 4],
    [5, 15],
    [8, 2],
    [6, 1],
    [1, 3],
  ])('%i to %i', async (from, to) => {
    const got = resizeMatrix(from, to, to / from, attrs);
    const expected = await measured(from, to, attrs);
    for (const [i, v] of expected.entries()) expect(got[i], `row ${Math.floor(i / from)}`).toBeCloseTo(v, 4);
  });
});
