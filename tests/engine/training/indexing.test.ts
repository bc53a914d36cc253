// Gradients of indices that come often, on several threads: nothing may be lost.
import ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { pullBack } from '../../../electron/engine/training/backward.ts';
import { createGraph } from '../../../electron/engine/training/graph.ts';
import { writeGraph } from '../../../electron/engine/training/onnx/write.ts';
import { ops } from '../../../electron/engine/training/ops/index.ts';

const TOKENS = 4096;
const WIDTH = 256;
const ROWS = 64;

test.each([
  ['Gather', [TOKENS]],
  ['GatherND', [TOKENS, 1]],
])('%s: three rows taken 4096 times, on four threads', async (op, indexShape) => {
  const g = createGraph(ops);
  const table = g.input('table', [ROWS, WIDTH]);
  const ids = g.input('ids', indexShape, 'int64');
  const rows = g.emit(op, [table, ids]);
  const dy = g.input('dy', rows.shape);
  const gradient = pullBack(g, ops, new Map([[rows.name, dy]]), [table]).get('table')!;
  g.outputs = [gradient];
  g.inputs = [table, ids, dy];
  const session = await ort.InferenceSession.create(writeGraph(g), { logSeverityLevel: 3, intraOpNumThreads: 4 });
  const feeds = {
    table: new ort.Tensor('float32', new Float32Array(ROWS * WIDTH), [ROWS, WIDTH]),
    ids: new ort.Tensor(
      'int64',
      BigInt64Array.from({ length: TOKENS }, (_, i) => BigInt(i % 3)),
      indexShape,
    ),
    dy: new ort.Tensor('float32', new Float32Array(TOKENS * WIDTH).fill(1), [TOKENS, WIDTH]),
  };
  for (let run = 0; run < 5; run++) {
    const out = await session.run(feeds);
    const data = out[gradient.name]!.data as Float32Array;
    const counts = [0, 1, 2].map((row) => Math.ceil((TOKENS - row) / 3));
    expect(data).toEqual(Float32Array.from({ length: ROWS * WIDTH }, (_, i) => counts[Math.floor(i / WIDTH)] ?? 0));
  }
  await session.release();
});
