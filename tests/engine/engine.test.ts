// Opening a data folder where it cannot be.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import * as open from '../../electron/engine/db/open.ts';
import { createEngine } from '../../electron/engine/engine.ts';

vi.mock(import('../../electron/engine/db/open.ts'), { spy: true });

const dir = mkdtempSync(path.join(tmpdir(), 'lab-engine-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a full disk is told as one', async () => {
  const full = Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
  vi.mocked(open.openDatabase).mockRejectedValueOnce(full);
  await expect(createEngine({ host: 'cli', dataDir: dir })).rejects.toMatchObject({ code: 'no-space' });
});
