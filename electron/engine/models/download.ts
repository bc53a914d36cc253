// Downloads a model of the catalog: the Hub's list of files says sizes and hashes, each file goes to a .partial that a
// later try goes on with, is checked against its hash, and the folder is moved to its place when all are there.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LabError } from '../../../shared/contract.ts';
import type { Log } from '../context.ts';
import { fsReason } from '../datasets/fs-reason.ts';
import type { CatalogEntry } from './catalog.ts';
import { PROVENANCE } from './folder.ts';
import { type HubAccess, type HubClient, type HubReply, hubClient } from './hub-request.ts';

export type DownloadOptions = {
  entry: CatalogEntry;
  access: HubAccess;
  /** The app's models folder. */
  modelsDir: string;
  signal: AbortSignal;
  /** Bytes. */
  progress(done: number, total: number, note?: string): void;
  log: Log;
  /** Between tries of a file; tests make it short. */
  retryMs?: number;
};

/** A file of the repository; `sha256` of large ones (LFS), else the git blob's SHA-1. */
type RemoteFile = { path: string; size: number; sha256: string | null; blob: string };

const TRIES = 4;
/** Kept free beside the model. */
const SPARE_BYTES = 200 * 1024 * 1024;

/**
 * Returns the model's folder. Cancelling keeps what is there. Throws `network` (with what to do), `not-found` for a file
 * or repository that is not there, `no-space` before anything is written when it cannot fit.
 */
export async function downloadModel(options: DownloadOptions): Promise<string> {
  const { entry, access, modelsDir, signal, log } = options;
  const target = path.join(modelsDir, entry.id);
  if (existsSync(path.join(target, PROVENANCE))) return target;
  if (existsSync(target))
    throw new LabError(
      'conflict',
      `${target} exists already and was not downloaded by the lab. Move it away, or use it as it is.`,
    );
  const building = path.join(modelsDir, '.downloads', entry.id);
  const client = hubClient(access);
  try {
    const files = await listFiles(client, entry, access, signal);
    const total = files.reduce((sum, file) => sum + file.size, 0);
    await mkdir(building, { recursive: true });
    await checkSpace(building, files, total);
    let before = 0;
    for (const file of files) {
      const base = before;
      await fetchFile(client, file, building, {
        ...options,
        progress: (done) => options.progress(base + done, total, file.path),
      });
      before += file.size;
    }
    options.progress(total, total, '');
    await writeFile(
      path.join(building, PROVENANCE),
      JSON.stringify(
        { id: entry.id, repo: entry.repo, revision: entry.revision, licence: entry.licence, from: access.url, files },
        null,
        2,
      ),
    );
    await rename(building, target);
    log('info', `Downloaded ${entry.repo} (${entry.revision}) from ${access.url} to ${target}.`);
    return target;
  } finally {
    client.close();
  }
}

// ---------------------------------------------------------------- what is there

/** The Hub's tree of the revision, cut to the files that are wanted. */
async function listFiles(
  client: HubClient,
  entry: CatalogEntry,
  access: HubAccess,
  signal: AbortSignal,
): Promise<RemoteFile[]> {
  const where = `/api/models/${entry.repo}/tree/${encodeURIComponent(entry.revision)}?recursive=true`;
  const text = await withNetworkErrors(access, signal, async () => {
    const reply = await client.get(where, {}, signal);
    checkStatus(reply, entry.repo, access);
    return readText(reply);
  });
  const rows = readTree(text, access);
  const byPath = new Map(rows.filter((row) => row.type === 'file').map((row) => [row.path, row]));
  const wanted = [...entry.files, ...entry.optional.filter((file) => byPath.has(file))];
  return wanted.map((file) => {
    const row = byPath.get(file);
    if (!row)
      throw new LabError(
        'not-found',
        `${entry.repo} (${entry.revision}) at ${access.url} has no ${file}. The repository may have changed: add the model from a folder instead.`,
      );
    return {
      path: file,
      size: row.lfs?.size ?? row.size,
      sha256: row.lfs?.oid.replace(/^sha256:/, '') ?? null,
      blob: row.oid,
    };
  });
}

const tree = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.number().default(0),
    oid: z.string(),
    lfs: z.object({ oid: z.string(), size: z.number() }).optional(),
  }),
);

/** The page of a login, or of a site that is no hub, comes with status 200 too. */
function readTree(text: string, access: HubAccess): z.output<typeof tree> {
  try {
    return tree.parse(JSON.parse(text));
  } catch (error) {
    throw new LabError(
      'network',
      `${access.url} answers with something else than a list of files. Does this network ask to log in first? Is the address under Settings that of a Hub or a mirror of it?`,
      { cause: error },
    );
  }
}

async function readText(reply: HubReply): Promise<string> {
  reply.setEncoding('utf8');
  let text = '';
  for await (const chunk of reply) text += chunk;
  return text;
}

function checkStatus(reply: HubReply, what: string, access: HubAccess): void {
  const status = reply.statusCode;
  if (status === 200 || status === 206) return;
  reply.resume();
  if (status === 401 || status === 403)
    throw new LabError(
      'network',
      `${access.url} refuses ${what} (${status}). ${access.token ? 'The access token is not valid for it, or its terms were not accepted on its page.' : 'It wants an access token: set one under Settings, or in HF_TOKEN.'}`,
    );
  if (status === 404)
    throw new LabError(
      'not-found',
      `${access.url} has no ${what} (404). Check the address of the Hub or mirror under Settings.`,
    );
  if (status === 429)
    throw new LabError('network', `${access.url} answers "too many requests" (429). Wait a few minutes and resume.`);
  throw new LabError('network', `${access.url} answers ${status} for ${what}. Try again later.`);
}

async function checkSpace(folder: string, files: RemoteFile[], total: number): Promise<void> {
  const here = files.reduce(
    (sum, file) => sum + sizeOf(path.join(folder, file.path)) + sizeOf(partialOf(folder, file)),
    0,
  );
  const { bavail, bsize } = await statfs(folder);
  const needed = total - here + SPARE_BYTES;
  if (bavail * bsize < needed)
    throw new LabError(
      'no-space',
      `${folder} has ${megabytes(bavail * bsize)} free; the download needs ${megabytes(needed)}. Free some space and resume.`,
    );
}

const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`;
const sizeOf = (file: string) => (existsSync(file) ? statSync(file).size : 0);
/** Named by content, so that bytes of another revision are never gone on with. */
const partialOf = (folder: string, file: RemoteFile) =>
  path.join(folder, `${file.path}.${(file.sha256 ?? file.blob).slice(0, 12)}.partial`);

// ---------------------------------------------------------------- one file

type FileOptions = Omit<DownloadOptions, 'progress'> & { progress(done: number): void };

async function fetchFile(client: HubClient, file: RemoteFile, folder: string, options: FileOptions): Promise<void> {
  const target = path.join(folder, file.path);
  if (sizeOf(target) === file.size && (await matches(target, file))) return options.progress(file.size);
  const partial = partialOf(folder, file);
  await mkdir(path.dirname(partial), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    options.signal.throwIfAborted();
    try {
      await fetchRest(client, file, partial, options);
      break;
    } catch (error) {
      // an abort shows as a connection that was reset
      options.signal.throwIfAborted();
      if (error instanceof LabError || attempt === TRIES) throw asNetworkError(error, options.access);
      options.log('warn', `${file.path}: ${(error as Error).message}; trying again from ${sizeOf(partial)} bytes`);
      await sleep((options.retryMs ?? 1000) * attempt, undefined, { signal: options.signal });
    }
  }
  if (!(await matches(partial, file))) {
    await rm(partial, { force: true });
    throw new LabError(
      'network',
      `${file.path} from ${options.access.url} does not match its hash: it was changed or damaged on the way, so it was deleted. Resume to download it again, or use another mirror.`,
    );
  }
  await rename(partial, target);
}

/** Goes on after the bytes that are there; starts over where the server cannot. Throws when the connection ends early. */
async function fetchRest(
  client: HubClient,
  file: RemoteFile,
  partial: string,
  { entry, access, signal, progress }: FileOptions,
): Promise<void> {
  let have = sizeOf(partial);
  if (have > file.size) {
    await rm(partial);
    have = 0;
  }
  progress(have);
  if (have === file.size && have > 0) return;
  const address = `/${entry.repo}/resolve/${encodeURIComponent(entry.revision)}/${file.path.split('/').map(encodeURIComponent).join('/')}`;
  const reply = await client.get(address, have > 0 ? { range: `bytes=${have}-` } : {}, signal);
  if (reply.statusCode >= 500) {
    reply.resume();
    throw new Error(`the server answers ${reply.statusCode}`);
  }
  checkStatus(reply, `${entry.repo}/${file.path}`, access);
  const goesOn = reply.statusCode === 206 && (reply.headers['content-range'] ?? '').startsWith(`bytes ${have}-`);
  if (!goesOn) have = 0;
  const out = await open(partial, goesOn ? 'a' : 'w').catch((error: unknown) => {
    reply.destroy();
    throw diskError(error, partial);
  });
  try {
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      have += chunk.length;
      if (have > file.size) break; // no file of the Hub's: its hash will not match
      await out.appendFile(chunk).catch((error: unknown) => {
        throw diskError(error, partial);
      });
      progress(have);
    }
  } finally {
    // what has arrived is kept, whatever ended the stream
    await out.close();
  }
  if (have < file.size) throw new Error(`the connection ended after ${have} of ${file.size} bytes`);
}

async function matches(file: string, remote: RemoteFile): Promise<boolean> {
  if (sizeOf(file) !== remote.size) return false;
  if (!remote.sha256) return digest(createHash('sha1').update(`blob ${remote.size}\0`), file, remote.blob);
  return digest(createHash('sha256'), file, remote.sha256);
}

async function digest(hash: Hash, file: string, expected: string): Promise<boolean> {
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex') === expected;
}

// ---------------------------------------------------------------- errors

async function withNetworkErrors<T>(access: HubAccess, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw asNetworkError(error, access);
  }
}

function asNetworkError(error: unknown, access: HubAccess): Error {
  const { code, name, message } = error as NodeJS.ErrnoException;
  if (error instanceof LabError || name === 'AbortError') return error as Error;
  return new LabError(
    'network',
    `${access.url} cannot be reached${access.proxy ? ` through ${access.proxy}` : ''} (${code ?? message}). Check the connection, the address and the proxy under Settings, then resume: what has arrived is kept.`,
    { cause: error },
  );
}

function diskError(error: unknown, file: string): LabError {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT'
    ? new LabError('no-space', 'The disk filled up during the download. Free some space and resume.', { cause: error })
    : new LabError('bad-request', `${file} cannot be written: ${fsReason(error)}.`, { cause: error });
}
