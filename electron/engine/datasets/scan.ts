// One pass over a dataset's files that makes its rows equal to the disk: what is new, changed, moved and gone.
// Safe to cut off anywhere: every step leaves rows from which the next pass finds the same answer.
import path from 'node:path';
import { setImmediate as breath } from 'node:timers/promises';
import { LabError, type RescanResult } from '../../../shared/contract.ts';
import type { Engine, Log } from '../context.ts';
import { fsReason } from './fs-reason.ts';
import { type Layout, placeOf, readLayout } from './layout.ts';
import { readList } from './list.ts';
import { BATCH, type Found, faulty, readAll, type Taken } from './read-all.ts';
import { asSpaceError, idWindows, markOffline, offlineError, whyUnreachable } from './roots.ts';
import { changeTeller, type DatasetRow } from './store.ts';
import { walkImages } from './walk.ts';
import { itemWriter, type KnownItem } from './write.ts';

export type ScanHooks = {
  signal?: AbortSignal | undefined;
  progress?: ((done: number, total: number, note: string) => void) | undefined;
  log?: Log | undefined;
};

export type ScanResult = RescanResult & {
  /** Files found on disk or in the list. */
  found: number;
  /** The class folders, empty ones too; none for a list. */
  classFolders: string[];
};

type Missing = Pick<KnownItem, 'id' | 'path' | 'hash'>;
type Scan = ReturnType<typeof startScan>;

const SLICE = 500; // rows changed in one transaction

/**
 * `moves: false` (a first import) writes every file at once; otherwise a file whose content is known from elsewhere waits for the
 * end, when it is clear which items have lost their file. Throws `offline` when the root goes away, `no-space` on a full disk.
 */
export async function scanFiles(
  engine: Engine,
  dataset: DatasetRow,
  options: { moves: boolean },
  hooks: ScanHooks = {},
): Promise<ScanResult> {
  const scan = startScan(engine, dataset, hooks);
  try {
    await requireRoot(scan);
    const { source, classFolders } = await openSource(scan);
    scan.result.classFolders = classFolders;
    await readAll(source, {
      root: dataset.root,
      respell: dataset.list !== null,
      signal: hooks.signal,
      known: (at) => knownAt(scan, at) ?? null,
      take: (batch) => takeBatch(scan, batch, options.moves),
    });
    if (scan.found === 0 && hasItems(scan.engine, scan.dataset)) throw emptyError(dataset);
    await settle(scan);
    scan.teller.flush();
    return { ...scan.result, found: scan.found };
  } catch (error) {
    throw await explain(scan, error);
  }
}

function startScan(engine: Engine, dataset: DatasetRow, hooks: ScanHooks) {
  return {
    engine,
    dataset,
    hooks,
    writer: itemWriter(engine.db, dataset),
    teller: changeTeller(engine, dataset.id),
    seen: new Set<number>(),
    /** New or changed files whose content may have come from an item that lost its file. */
    waiting: [] as Taken[],
    /** Folders whose content is unknown this time. */
    unreadable: [] as { folder: string; reason: string }[],
    /** Nothing is known yet and every path comes once: looking would be in vain. */
    blank: dataset.list === null && !hasItems(engine, dataset),
    found: 0,
    result: { added: 0, changed: 0, moved: 0, deleted: 0, unchanged: 0, found: 0, classFolders: [] } as ScanResult,
  };
}

const knownAt = (scan: Scan, at: string): KnownItem | undefined => (scan.blank ? undefined : scan.writer.knownAt(at));

const hasItems = (engine: Engine, dataset: DatasetRow): boolean =>
  engine.db.prepare('SELECT 1 FROM item WHERE dataset_id = ? LIMIT 1').get(dataset.id) !== undefined;

/** A folder that lost all its images at once is more likely unplugged or not synced than emptied on purpose. */
const emptyError = ({ name, root }: DatasetRow): LabError =>
  new LabError(
    'offline',
    `No image is left in ${root}, so nothing of ${name} was deleted. If its drive or share is missing, connect it and resume; if the folder has moved, relink the dataset; if it was emptied on purpose, delete the dataset.`,
  );

async function requireRoot(scan: Scan): Promise<void> {
  const why = await whyUnreachable(scan.dataset.root);
  // The first import of an empty folder goes on, to end with "no images" rather than "offline".
  if (why && (hasItems(scan.engine, scan.dataset) || !why.includes('empty'))) throw offlineError(scan.dataset, why);
}

/** The error as the user is told it; whatever is offline is marked so. */
async function explain(scan: Scan, error: unknown): Promise<unknown> {
  const { engine, dataset, hooks } = scan;
  if (hooks.signal?.aborted) return error;
  let told = asSpaceError(error);
  const isSystemError = (error as NodeJS.ErrnoException).syscall !== undefined;
  const why = isSystemError ? await whyUnreachable(dataset.root) : null;
  if (why) told = offlineError(dataset, why);
  else if (isSystemError && told === error)
    told = new LabError('offline', `${dataset.root} cannot be read: ${fsReason(error)}.`, { cause: error });
  if (told instanceof LabError && told.code === 'offline') await markOffline(engine, dataset.id);
  return told;
}

/** What there is to read, as batches, with class and split from the folders or the list. */
async function openSource(scan: Scan): Promise<{ source: AsyncIterable<Found[]>; classFolders: string[] }> {
  const { dataset, writer, hooks, engine } = scan;
  if (dataset.list !== null) {
    const { entries, notes } = await readList(dataset.list, dataset.root);
    for (const note of notes.slice(0, 100)) hooks.log?.('warn', note);
    if (notes.length > 100) hooks.log?.('warn', `${notes.length - 100} more rows name a file twice.`);
    return { source: slices(scan, entries), classFolders: [] };
  }
  const layout = await readLayout(dataset.root);
  engine.db.transaction(() => {
    for (const name of layout.classes) writer.classId(name);
  })();
  return { source: walkFolder(scan, layout), classFolders: layout.classes };
}

async function* slices(scan: Scan, entries: Found[]): AsyncGenerator<Found[]> {
  scan.found = entries.length;
  for (let at = 0; at < entries.length; at += BATCH) yield entries.slice(at, at + BATCH);
}

async function* walkFolder(scan: Scan, layout: Layout): AsyncGenerator<Found[]> {
  const { dataset, hooks } = scan;
  const walk = walkImages(dataset.root, BATCH, {
    ...(hooks.signal ? { signal: hooks.signal } : {}),
    skipped: (folder, reason) => hooks.log?.('info', `${folder} is not followed: ${reason}.`),
    unreadable: (folder, reason) => {
      scan.unreadable.push({ folder, reason });
      hooks.log?.('warn', `${folder} cannot be read: ${reason}.`);
    },
  });
  for await (const paths of walk) {
    scan.found += paths.length;
    yield paths.map((at) => ({ path: at, ...placeOf(layout, at), fault: null }));
  }
}

/** Writes what is certain about a batch; keeps back what may be a move. */
async function takeBatch(scan: Scan, batch: Taken[], moves: boolean): Promise<void> {
  const { engine, dataset, writer, seen, result, hooks } = scan;
  if (batch.some(({ reading }) => reading.code !== null)) {
    const why = await whyUnreachable(dataset.root);
    if (why) throw offlineError(dataset, why);
  }
  engine.db.transaction(() => {
    const fresh: number[] = [];
    for (const taken of batch) {
      const { reading } = taken;
      const item = knownAt(scan, reading.found);
      if (item && reading.kind === 'same') {
        writer.keep(item, taken);
        result.unchanged++;
      } else if (item && (reading.kind === 'fault' || reading.hash === item.hash || item.hash === '' || !moves)) {
        writer.change(item, taken);
        if (reading.hash === item.hash && item.status !== 'problem') result.unchanged++;
        else result.changed++;
      } else if (item || (moves && reading.hash !== '' && writer.hasContent(reading.hash))) {
        scan.waiting.push(taken);
        continue;
      } else {
        fresh.push(writer.add(taken));
        result.added++;
        continue;
      }
      seen.add(item.id);
    }
    writer.logAdded(fresh);
    for (const id of fresh) seen.add(id);
  })();
  const { added, changed, unchanged } = result;
  hooks.progress?.(added + changed + unchanged + scan.waiting.length, scan.found, 'reading files');
  scan.teller.tell();
}

/** Finds out which waiting files are moved, changed or new, and deletes the items whose file is gone. */
async function settle(scan: Scan): Promise<void> {
  const { dataset, hooks, writer, result } = scan;
  const missing = await missingItems(scan);
  if (missing.length + scan.waiting.length + scan.unreadable.length > 0) {
    const why = await whyUnreachable(dataset.root);
    if (why) throw offlineError(dataset, why);
  }
  const { moves, changes, additions, gone } = match(scan.waiting, missing);
  result.moved += moves.length;
  result.changed += changes.length;
  result.added += additions.length;
  result.deleted += gone.filter((item) => !item.path.endsWith('/')).length;
  if (moves.length + changes.length + gone.length > 0) hooks.progress?.(scan.found, scan.found, 'settling what moved');
  await inSlices(scan, moves, ({ item, taken }) => {
    const known = knownById(scan, item.id);
    if (known) writer.move(known, taken);
  });
  await inSlices(scan, changes, ({ item, taken }) => {
    const known = knownById(scan, item.id);
    if (known) writer.change(known, taken);
  });
  await inSlices(scan, gone, (item) => writer.remove(item.id));
  await inSlices(scan, additions, (taken) => writer.logAdded([writer.add(taken)]));
  listUnreadable(scan);
}

const knownById = (scan: Scan, id: number): KnownItem | undefined =>
  scan.engine.db.prepare('SELECT * FROM item WHERE id = ?').get(id) as KnownItem | undefined;

/** Items whose file was not found as it was. Those below a folder that could not be opened wait as offline instead. */
async function missingItems(scan: Scan): Promise<Missing[]> {
  const { engine, dataset, seen, writer } = scan;
  const query = engine.db.prepare('SELECT id, path, hash FROM item WHERE id BETWEEN ? AND ? AND dataset_id = ?').raw();
  const missing: Missing[] = [];
  const waiting = new Set(scan.waiting.map(({ reading }) => reading.found));
  const hidden = scan.unreadable.map(({ folder }) => `${folder}/`);
  for await (const [first, last] of idWindows(engine.db, dataset.id))
    engine.db.transaction(() => {
      for (const [id, at, hash] of query.all(first, last, dataset.id) as [number, string, string][]) {
        if (seen.has(id)) continue;
        if (!waiting.has(at) && hidden.some((prefix) => at.startsWith(prefix))) writer.offline(id);
        else missing.push({ id, path: at, hash });
      }
    })();
  return missing;
}

type Settled = {
  moves: { item: Missing; taken: Taken }[];
  changes: { item: Missing; taken: Taken }[];
  additions: Taken[];
  gone: Missing[];
};

/**
 * By content first, so that files that swapped or shifted their names keep their items; among equal contents the one with
 * the same file name wins. Then by path: the same place with new content is a change. The rest is new or gone.
 */
export function match(waiting: Taken[], missing: Missing[]): Settled {
  const byContent = new Map<string, Missing[]>();
  for (const item of missing) {
    if (item.hash === '') continue;
    const same = byContent.get(item.hash);
    if (same) same.push(item);
    else byContent.set(item.hash, [item]);
  }
  const left = new Map(missing.map((item) => [item.path, item]));
  const settled: Settled = { moves: [], changes: [], additions: [], gone: [] };
  const claim = (taken: Taken, byName: boolean): boolean => {
    const sources = byContent.get(taken.reading.hash) ?? [];
    const name = path.posix.basename(taken.reading.found);
    const at = byName ? sources.findIndex((item) => path.posix.basename(item.path) === name) : 0;
    const [item] = at < 0 ? [] : sources.splice(at, 1);
    if (!item) return false;
    left.delete(item.path);
    settled.moves.push({ item, taken });
    return true;
  };
  const unnamed = waiting.filter((taken) => !claim(taken, true));
  const unmatched = unnamed.filter((taken) => !claim(taken, false));
  for (const taken of unmatched) {
    const item = left.get(taken.reading.found);
    if (!item) settled.additions.push(taken);
    else {
      left.delete(item.path);
      settled.changes.push({ item, taken });
    }
  }
  settled.gone.push(...left.values());
  return settled;
}

/** Each slice is one transaction; between them the engine answers. */
async function inSlices<T>(scan: Scan, list: T[], change: (one: T) => void): Promise<void> {
  for (let at = 0; at < list.length; at += SLICE) {
    scan.hooks.signal?.throwIfAborted();
    scan.engine.db.transaction(() => {
      for (const one of list.slice(at, at + SLICE)) change(one);
    })();
    await breath();
  }
}

/** A folder that cannot be opened is a problem like a file that cannot be read: its path ends with a slash. */
function listUnreadable({ unreadable, writer, engine }: Scan): void {
  engine.db.transaction(() => {
    for (const { folder, reason } of unreadable) {
      const at = `${folder}/`;
      if (writer.knownAt(at)) continue;
      const found: Found = { path: at, label: null, split: null, fault: `the folder cannot be opened: ${reason}` };
      writer.add({ found, reading: faulty(found) });
    }
  })();
}
