// The full decode after an import: finds files whose header is fine and whose pixels are not. Slow, so it stays in the background.
import { existsSync } from 'node:fs';
import { setTimeout as rest } from 'node:timers/promises';
import type { Engine } from '../context.ts';
import { ensureOnline } from './roots.ts';
import type { ScanHooks } from './scan.ts';
import { changeTeller, datasetRow } from './store.ts';

export type VerifyResult = { checked: number; problems: number };

const BATCH = 32;

/**
 * Decodes every usable item that was not decoded yet; a failed one becomes a problem with its reason. Cut off, it goes on where it
 * stopped. `makeWay` says that other work runs: then it rests as long as it works. Throws `offline`.
 */
export async function verifyDataset(
  engine: Engine,
  datasetId: number,
  hooks: ScanHooks & { makeWay?: () => boolean } = {},
): Promise<VerifyResult> {
  const { db } = engine;
  await ensureOnline(engine, datasetId);
  const { root } = datasetRow(db, datasetId);
  const next = db.prepare(
    `SELECT id, path FROM item WHERE dataset_id = ? AND id > ? AND status = 'ok' AND verified = 0 ORDER BY id LIMIT ${BATCH}`,
  );
  const { done: before, total } = progressOf(engine, datasetId);
  const teller = changeTeller(engine, datasetId);
  const result: VerifyResult = { checked: 0, problems: 0 };
  let after = 0;
  for (;;) {
    hooks.signal?.throwIfAborted();
    const batch = next.all(datasetId, after) as { id: number; path: string }[];
    if (batch.length === 0) break;
    after = batch[batch.length - 1]!.id;
    const started = performance.now();
    const files = batch.map((item) => `${root}/${item.path}`);
    const failures = new Map(
      (await engine.images.verify(files, hooks.signal)).map((failure) => [failure.index, failure.reason]),
    );
    if (failures.size > 0) await ensureOnline(engine, datasetId);
    const done = batch.filter((_, index) => !failures.has(index) || existsSync(files[index]!));
    db.transaction(() => {
      for (const item of done) record(engine, item.id, failures.get(batch.indexOf(item)) ?? null);
    })();
    result.checked += done.length;
    result.problems += done.filter((item) => failures.has(batch.indexOf(item))).length;
    hooks.progress?.(before + result.checked, total, 'decoding every pixel');
    teller.tell();
    if (hooks.makeWay?.()) await rest(performance.now() - started, undefined, { signal: hooks.signal });
  }
  teller.flush();
  return result;
}

/** A file that is gone since the scan is left alone: the next re-scan finds it. */
function record({ db }: Engine, id: number, reason: string | null): void {
  if (reason === null) db.prepare('UPDATE item SET verified = 1 WHERE id = ?').run(id);
  else db.prepare(`UPDATE item SET verified = 1, status = 'problem', reason = ? WHERE id = ?`).run(reason, id);
}

/** True while there is something `verifyDataset` would decode. */
export const needsVerifying = ({ db }: Engine, datasetId: number): boolean =>
  db.prepare(`SELECT 1 FROM item WHERE dataset_id = ? AND status = 'ok' AND verified = 0 LIMIT 1`).get(datasetId) !==
  undefined;

function progressOf({ db }: Engine, datasetId: number): { done: number; total: number } {
  return db
    .prepare(
      `SELECT coalesce(sum(verified), 0) AS done, coalesce(sum(status <> 'problem' OR verified), 0) AS total FROM item WHERE dataset_id = ?`,
    )
    .get(datasetId) as { done: number; total: number };
}
