// Reads one file once: SHA-256 and header from the same bytes. Synchronous, for the import's worker threads.
import { createHash, hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import path from 'node:path';
import { type ImageHeader, readHeader, unsupportedReason } from '../images/header.ts';
import { pathReason } from './fs-reason.ts';

/** A file to look at, with what is known of it (mtime in whole ms; -1 when it is new). */
export type FileToRead = { path: string; size: number; mtime: number };

export type Reading = {
  /** As asked for. */
  path: string;
  /** As on disk, where that is spelt otherwise (composed or decomposed letters). */
  found: string;
  /** same: size and mtime are as known, nothing was read. fault: the file could not be read. */
  kind: 'same' | 'read' | 'fault';
  hash: string;
  size: number;
  mtime: number;
  width: number;
  height: number;
  format: string;
  /** Why it is a problem, or null. */
  reason: string | null;
  /** The system's error code of a fault, such as ENOENT or EIO. */
  code: string | null;
};

const WHOLE = 32 << 20; // larger files go through in pieces of this size; their header is read from the first
const LARGEST = 1 << 30; // no header is looked for behind the first piece of a larger file
let buffer = Buffer.allocUnsafeSlow(1 << 20);

/** What is known of a file before it is read. */
export const nothingRead = (at: string): Reading => ({
  path: at,
  found: at,
  kind: 'fault',
  hash: '',
  size: 0,
  mtime: 0,
  width: 0,
  height: 0,
  format: '',
  reason: null,
  code: null,
});

/** Never throws: what goes wrong is the reading's reason. `respell` tries other spellings of a name that is not there. */
export function readFile(root: string, file: FileToRead, respell: boolean): Reading {
  const reading: Reading = { ...nothingRead(file.path), kind: 'read' };
  try {
    if (respell) reading.found = spellingOnDisk(root, file.path);
    const full = `${root}${path.sep}${reading.found}`;
    const isSame = file.size >= 0 && matches(full, file);
    if (isSame) return { ...reading, kind: 'same', size: file.size, mtime: file.mtime };
    readBytes(full, reading);
  } catch (error) {
    reading.kind = 'fault';
    reading.code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    reading.reason = pathReason(file.path, error);
    // Without size and time the next scan reads it again.
    reading.size = 0;
    reading.mtime = 0;
  }
  return reading;
}

export const wholeMs = (mtimeMs: number): number => Math.round(mtimeMs);

function matches(full: string, file: FileToRead): boolean {
  const now = statSync(full);
  return now.size === file.size && wholeMs(now.mtimeMs) === file.mtime;
}

function readBytes(full: string, reading: Reading): void {
  // Non-blocking, or a pipe that is named like an image would hold the thread for ever.
  const fd = openSync(full, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) throw new Error('it is not a regular file');
    reading.size = info.size;
    reading.mtime = wholeMs(info.mtimeMs);
    const head = info.size > WHOLE ? hashInPieces(fd, reading) : hashWhole(fd, info.size, reading);
    try {
      fillIn(headerOf(fd, head, info.size), reading);
    } catch (error) {
      reading.reason = (error as Error).message;
    }
  } finally {
    closeSync(fd);
  }
}

/** A large TIFF may keep its header behind its pixels: then, and only then, the rest is read too. */
function headerOf(fd: number, head: Uint8Array, size: number): ImageHeader {
  try {
    return readHeader(head);
  } catch (error) {
    if (size <= WHOLE || size > LARGEST) throw error;
    const all = Buffer.allocUnsafeSlow(size);
    return readHeader(all.subarray(0, fill(fd, all, 0)));
  }
}

function fillIn(header: ImageHeader, reading: Reading): void {
  reading.width = header.width;
  reading.height = header.height;
  reading.format = header.format;
  reading.reason = unsupportedReason(header.format);
}

function hashWhole(fd: number, size: number, reading: Reading): Uint8Array {
  if (buffer.length < size) buffer = Buffer.allocUnsafeSlow(Math.min(WHOLE, 2 ** Math.ceil(Math.log2(size))));
  const bytes = buffer.subarray(0, fill(fd, buffer.subarray(0, size)));
  reading.hash = hash('sha256', bytes, 'hex');
  return bytes;
}

function hashInPieces(fd: number, reading: Reading): Uint8Array {
  const digest = createHash('sha256');
  const first = Buffer.allocUnsafeSlow(WHOLE);
  const head = first.subarray(0, fill(fd, first));
  digest.update(head);
  const piece = Buffer.allocUnsafeSlow(4 << 20);
  for (let n = fill(fd, piece); n > 0; n = fill(fd, piece)) digest.update(piece.subarray(0, n));
  reading.hash = digest.digest('hex');
  return head;
}

/** Reads on (or from `start`) until the buffer is full or the file ends; network folders give less than asked for. */
function fill(fd: number, into: Buffer, start: number | null = null): number {
  let got = 0;
  while (got < into.length) {
    const n = readSync(fd, into, got, into.length - got, start === null ? null : start + got);
    if (n === 0) break;
    got += n;
  }
  return got;
}

/** A Mac writes é as two characters, a list made elsewhere as one: the same file. */
function spellingOnDisk(root: string, name: string): string {
  for (const spelling of new Set([name, name.normalize('NFC'), name.normalize('NFD')]))
    if (statSync(`${root}${path.sep}${spelling}`, { throwIfNoEntry: false })) return spelling;
  return name;
}
