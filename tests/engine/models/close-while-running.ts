// A program of its own: opens and closes threads while the runtime works in them; close-while-running.ts MODEL.onnx prints
// "goes on" when it is still there after all of them.
import { createThread } from '../../../electron/engine/models/onnx-thread.ts';
import type { OnnxRequest } from '../../../electron/engine/models/sessions.ts';

const file = process.argv[2]!;
const dims = [16, 3, 64, 64];
const source = { file, device: 'cpu', threads: 1 } as Extract<OnnxRequest, { kind: 'load' }>['source'];
for (let i = 0; i < 16; i++) {
  const thread = createThread(() => {});
  await thread.ask('load', { kind: 'load', session: 1, source });
  const asked = Array.from({ length: 40 }, () => {
    const pixels = { type: 'float32' as const, data: new Float32Array(16 * 3 * 64 * 64), dims };
    return thread
      .ask('run', { kind: 'run', session: 1, feeds: { pixel_values: pixels }, outputs: ['image_embeds'] })
      .catch(() => {}); // what was not begun is given up
  });
  await new Promise((done) => setTimeout(done, 3 * i));
  await thread.close();
  await Promise.all(asked);
}
console.log('goes on');
