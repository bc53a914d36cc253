// Opens the lab's SQLite files: WAL, foreign keys, numbered migrations, and one owner per data folder.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Database } from 'better-sqlite3';
import { LabError } from '../../../shared/contract.ts';
import { sql as initial } from './migrations/0001-initial.ts';
import { sql as finetune } from './migrations/0002-finetune.ts';
import { sql as comparisonItems } from './migrations/0003-comparison-items.ts';

/** In order; the index of the next one to run is the file's user_version. */
const MIGRATIONS = [initial, finetune, comparisonItems];

const CACHE_SCHEMA = `
CREATE TABLE IF NOT EXISTS feature (
  model TEXT NOT NULL,              -- model hash, output, preprocessing version
  hash TEXT NOT NULL,               -- content of the item
  vector BLOB NOT NULL,             -- float32, not normalised
  PRIMARY KEY (model, hash)
) STRICT, WITHOUT ROWID;
`;

// better-sqlite3 13 is built for Node-API 10: on an older Node its import ends the process without a word.
async function loadSqlite() {
  if (Number(process.versions.napi) < 10)
    throw new LabError(
      'unsupported',
      `Node ${process.version} is too old for the lab's database (Node-API 10 is needed). Use Node 22.14 or newer.`,
    );
  return (await import('better-sqlite3')).default;
}

const isDamage = (error: unknown): boolean =>
  /^SQLITE_(CORRUPT|NOTADB)/.test(String((error as { code?: unknown }).code ?? ''));

/**
 * Opens (and migrates) lab.sqlite. Throws `conflict` when the file was written by a newer lab, `bad-request` when it is damaged.
 */
export async function openDatabase(file: string): Promise<Database> {
  const Sqlite = await loadSqlite();
  mkdirSync(path.dirname(file), { recursive: true });
  const db = new Sqlite(file);
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('foreign_keys = ON');
    db.pragma('busy_timeout = 5000');
    db.pragma('cache_size = -65536'); // 64 MB: the indexes of 100,000 items stay in memory
    migrate(db, file);
    return db;
  } catch (error) {
    db.close();
    if (!isDamage(error)) throw error;
    throw new LabError(
      'bad-request',
      `${file} is damaged (${(error as Error).message}). It holds datasets, labels and comparisons; images and models lie elsewhere and are untouched. Put a copy of it back, or move it away to begin with an empty lab.`,
      { cause: error },
    );
  }
}

export function migrate(db: Database, file: string): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > MIGRATIONS.length)
    throw new LabError(
      'conflict',
      `${file} was written by a newer Fewshot Lab (schema ${version}, this one knows ${MIGRATIONS.length}). Update the lab, or use another --data-dir.`,
    );
  for (let next = version; next < MIGRATIONS.length; next++)
    db.transaction(() => {
      db.exec(MIGRATIONS[next]!);
      db.pragma(`user_version = ${next + 1}`);
    })();
}

/** Opens the cache; one that is damaged is thrown away, for it can be made again. */
export async function openCache(file: string): Promise<Database> {
  const Sqlite = await loadSqlite();
  mkdirSync(path.dirname(file), { recursive: true });
  // This file goes when the last owner closes. After a crash all pages are looked at once: the cache is not synchronised, so that
  // a power cut may have left anything in them.
  const crashed = existsSync(`${file}-wal`);
  const open = (): Database | null => {
    const db = new Sqlite(file);
    try {
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = OFF');
      db.exec(CACHE_SCHEMA);
      if (!crashed || db.pragma('quick_check(1)', { simple: true }) === 'ok') return db;
    } catch (error) {
      db.close();
      if (isDamage(error)) return null;
      throw error; // a full disk, say: nothing is wrong with what is there
    }
    db.close();
    return null;
  };
  const usable = open();
  if (usable) return usable;
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
  const fresh = open();
  if (fresh) return fresh;
  throw new LabError(
    'bad-request',
    `The cache ${file} is damaged, and so is a new one in its place. Is its disk failing?`,
  );
}

export type Owner = { pid: number; host: string; since: string };

/**
 * Makes this process the only owner of a data folder until `release` or its death: an exclusive lock on lock.sqlite,
 * which the operating system frees with the process. Throws `conflict` naming the present owner.
 */
export async function ownDataFolder(dir: string, owner: Owner): Promise<{ release(): void }> {
  const Sqlite = await loadSqlite();
  mkdirSync(dir, { recursive: true });
  const who = path.join(dir, 'owner.json');
  const lock = new Sqlite(path.join(dir, 'lock.sqlite'), { timeout: 300 });
  try {
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
    let holder = 'another process';
    try {
      const { pid, host } = JSON.parse(readFileSync(who, 'utf8')) as Owner;
      holder = `the lab's ${host} (process ${pid})`;
    } catch {
      // the holder has not written its name yet
    }
    throw new LabError(
      'conflict',
      `The data folder ${dir} is in use by ${holder}. Close it first, or choose another folder with --data-dir.`,
    );
  }
  writeFileSync(who, JSON.stringify(owner));
  return {
    release() {
      rmSync(who, { force: true });
      lock.close();
    },
  };
}
