// Images by URL: thumbnails by content, whole images by item. Only files of known items are ever sent.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Engine } from './context.ts';
import { fsReason } from './datasets/fs-reason.ts';
import { wholeMs } from './datasets/read-file.ts';

type Source = { root: string; path: string; hash: string; size: number; mtime: number; format: string; status: string };

// Never in a shared cache: these are the user's own pictures.
const FOR_EVER = 'private, max-age=31536000, immutable';
const ASK_AGAIN = 'private, no-cache';

const SOURCE = 'dataset.root, item.path, item.hash, item.size, item.mtime, item.format, item.status';

/** Answers GET and HEAD of media/thumbnail/HASH and media/image/ID (shared/urls.ts); null for every other address. */
export function mediaHandler(engine: Engine): (request: Request) => Promise<Response | null> {
  return async (request) => {
    const [, kind, name] = /\/media\/(thumbnail|image)\/([^/]*)$/.exec(new URL(request.url).pathname) ?? [];
    if (!kind || name === undefined) return null;
    if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'Only reading is possible here.');
    if (kind === 'thumbnail')
      return /^[0-9a-f]{64}$/.test(name) ? thumbnail(engine, request, name) : text(404, 'There is no such thumbnail.');
    return /^[0-9]{1,15}$/.test(name) ? image(engine, request, Number(name)) : text(404, 'There is no such image.');
  };
}

async function thumbnail(engine: Engine, request: Request, hash: string): Promise<Response> {
  const etag = `"${hash}"`;
  const sources = engine.db
    .prepare(
      `SELECT ${SOURCE} FROM dataset CROSS JOIN item ON item.dataset_id = dataset.id AND item.hash = ? ORDER BY item.status = 'ok' DESC LIMIT 20`,
    )
    .all(hash) as Source[];
  if (sources.length === 0) return text(404, 'This image is in no dataset.');
  if (request.headers.get('if-none-match') === etag) return notModified(etag, FOR_EVER);
  let why = '';
  for (const source of sources) {
    why = await whyStale(source);
    if (why) continue;
    try {
      const file = await engine.images.thumbnail(fileOf(source), hash);
      return await sendFile(request, file, { type: 'image/webp', etag, cache: FOR_EVER });
    } catch (error) {
      why = (error as Error).message;
    }
  }
  return text(404, why);
}

async function image(engine: Engine, request: Request, itemId: number): Promise<Response> {
  const source = engine.db
    .prepare(`SELECT ${SOURCE} FROM item JOIN dataset ON dataset.id = dataset_id WHERE item.id = ?`)
    .get(itemId) as Source | undefined;
  if (!source) return text(404, 'This image is in no dataset.');
  const why = await whyStale(source);
  if (why) return text(404, why);
  // The same address shows other pixels after a re-scan, so the browser asks each time; its copy serves while the content is the same.
  const etag = `"${source.hash}"`;
  if (request.headers.get('if-none-match') === etag) return notModified(etag, ASK_AGAIN);
  try {
    const { body, type } = await engine.images.displayable(fileOf(source), source.format);
    if (body === null) return await sendFile(request, fileOf(source), { type, etag, cache: ASK_AGAIN });
    const headers = { 'content-type': type, 'content-length': String(body.length), etag, 'cache-control': ASK_AGAIN };
    return new Response(request.method === 'HEAD' ? null : (body as Uint8Array<ArrayBuffer>), { headers });
  } catch (error) {
    return text(404, (error as Error).message);
  }
}

const fileOf = ({ root, path }: Source): string => `${root}/${path}`;

/** A thumbnail is kept under its content's hash, so a file that changed since the scan must not pass for it. */
async function whyStale(source: Source): Promise<string> {
  try {
    const now = await stat(fileOf(source));
    const isSame = now.isFile() && now.size === source.size && wholeMs(now.mtimeMs) === source.mtime;
    return isSame ? '' : `${source.path} has changed since it was read. Re-scan its dataset.`;
  } catch (error) {
    return `${source.path}: ${fsReason(error)}.`;
  }
}

/** The file, or the part of it that `Range` asks for. */
async function sendFile(
  request: Request,
  file: string,
  { type, etag, cache }: { type: string; etag: string; cache: string },
): Promise<Response> {
  const { size } = await stat(file);
  const headers = new Headers({ 'content-type': type, 'accept-ranges': 'bytes', etag, 'cache-control': cache });
  const wanted = request.headers.get('range');
  const range = wanted === null ? null : parseRange(wanted, size);
  if (range === 'unsatisfiable')
    return new Response(null, { status: 416, headers: { 'content-range': `bytes */${size}` } });
  const { start, end } = range ?? { start: 0, end: size - 1 };
  headers.set('content-length', String(end - start + 1));
  if (range) headers.set('content-range', `bytes ${start}-${end}/${size}`);
  const stream = request.method === 'HEAD' || size === 0 ? null : createReadStream(file, { start, end });
  const body = stream && (Readable.toWeb(stream) as ReadableStream<Uint8Array<ArrayBuffer>>);
  return new Response(body, { status: range ? 206 : 200, headers });
}

/** One range of bytes (RFC 9110, 14.2); null where the header is not understood and the whole file is the answer. */
function parseRange(header: string, size: number): { start: number; end: number } | 'unsatisfiable' | null {
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return null;
  if (from === '') return Number(to) === 0 ? 'unsatisfiable' : { start: Math.max(0, size - Number(to)), end: size - 1 };
  const start = Number(from);
  if (to !== '' && Number(to) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end: to === '' ? size - 1 : Math.min(Number(to), size - 1) };
}

const notModified = (etag: string, cache: string) =>
  new Response(null, { status: 304, headers: { etag, 'cache-control': cache } });

const text = (status: number, message: string) =>
  new Response(message, {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
  });
