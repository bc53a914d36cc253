// The user's settings: one row a key, defaults from their shape in the contract.
import type { Database } from 'better-sqlite3';
import { type Settings, settingsShape } from '../../shared/contract.ts';

/** A stored value that no longer fits falls back to its default. */
export function readSettings(db: Database): Settings {
  const settings: Record<string, unknown> = {};
  for (const { key, value } of db.prepare('SELECT key, value FROM setting').all() as { key: string; value: string }[]) {
    const shape = (
      settingsShape.shape as Record<string, { safeParse(v: unknown): { success: boolean; data?: unknown } }>
    )[key];
    const parsed = shape?.safeParse(JSON.parse(value));
    if (parsed?.success) settings[key] = parsed.data;
  }
  return settingsShape.parse(settings);
}

export function writeSettings(db: Database, changes: Partial<Settings>): Settings {
  const put = db.prepare('INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)');
  db.transaction(() => {
    for (const [key, value] of Object.entries(changes)) if (value !== undefined) put.run(key, JSON.stringify(value));
  })();
  return readSettings(db);
}
