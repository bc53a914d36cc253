// A thread that is closed while the runtime works in it must not take the process along: seen from another process.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fixturePath } from '../../helpers/shared.ts';

const program = fileURLToPath(new URL('close-while-running.ts', import.meta.url));

test('closed while runs are under way, the process goes on', { timeout: 60_000 }, () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, fixturePath('tiny-clip/onnx/vision_model.onnx')],
    { encoding: 'utf8' },
  );
  expect({ status, stdout: stdout.trim(), stderr }).toEqual({ status: 0, stdout: 'goes on', stderr: '' });
});
