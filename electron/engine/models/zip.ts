// Unpacks a zip to a folder, entry by entry, without holding a file in memory: the directory at the end says what is
// there, node:zlib inflates, checksums are compared. Format: PKWARE APPNOTE 6.3, with the 64-bit fields.
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { Transform, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { LabError } from '../../../shared/contract.ts';

export type ZipEntry = {
  name: string;
  method: number;
  crc: number;
  packed: number;
  size: number;
  offset: number;
  encrypted: boolean;
};

const bad = (file: string, why: string) => new LabError('bad-request', `${file} ${why}`);

/** The entries that are files. Throws `bad-request` when the zip is cut short, or an entry's name leads out of the folder. */
export async function listZip(handle: FileHandle, file: string): Promise<ZipEntry[]> {
  const { size } = await handle.stat();
  const tail = await readAt(handle, Math.max(0, size - 65_557), Math.min(size, 65_557));
  const at = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (at < 0) throw bad(file, 'is not a zip, or is cut short. Make or download it again.');
  let count = tail.readUInt16LE(at + 10);
  let length = tail.readUInt32LE(at + 12);
  let start = tail.readUInt32LE(at + 16);
  const locator = at - 20;
  if (locator >= 0 && tail.readUInt32LE(locator) === 0x07064b50) {
    const end64 = await readAt(handle, Number(tail.readBigUInt64LE(locator + 8)), 56);
    count = Number(end64.readBigUInt64LE(32));
    length = Number(end64.readBigUInt64LE(40));
    start = Number(end64.readBigUInt64LE(48));
  }
  if (start + length > size) throw bad(file, 'is cut short. Make or download it again.');
  const directory = await readAt(handle, start, length);
  const entries: ZipEntry[] = [];
  let next = 0;
  for (let i = 0; i < count; i++) {
    if (next + 46 > directory.length || directory.readUInt32LE(next) !== 0x02014b50)
      throw bad(file, 'has a broken directory. Make or download it again.');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      directory.readUInt16LE(next + offset),
    ) as [number, number, number];
    const name = directory.toString('utf8', next + 46, next + 46 + nameLength).replaceAll('\\', '/');
    const entry: ZipEntry = {
      name,
      method: directory.readUInt16LE(next + 10),
      crc: directory.readUInt32LE(next + 16),
      packed: directory.readUInt32LE(next + 20),
      size: directory.readUInt32LE(next + 24),
      offset: directory.readUInt32LE(next + 42),
      encrypted: (directory.readUInt16LE(next + 8) & 1) === 1,
    };
    widen(entry, directory.subarray(next + 46 + nameLength, next + 46 + nameLength + extraLength));
    next += 46 + nameLength + extraLength + commentLength;
    if (name.endsWith('/')) continue;
    if (name.startsWith('/') || /^[a-z]:/i.test(name) || name.split('/').includes('..') || name.includes('\0'))
      throw bad(
        file,
        `holds ${JSON.stringify(name)}, a path that leads out of the folder it is unpacked to. Such a zip is not opened.`,
      );
    entries.push(entry);
  }
  return entries;
}

/** The 64-bit sizes and offset, in the extra field of id 1, stand for those that are all ones. */
function widen(entry: ZipEntry, extra: Buffer): void {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue;
    let from = at + 4;
    for (const key of ['size', 'packed', 'offset'] as const)
      if (entry[key] === 0xffffffff) {
        entry[key] = Number(extra.readBigUInt64LE(from));
        from += 8;
      }
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Writes the entries under `target`, `rename` giving each its relative path (null: left out). */
export async function unpack(file: string, target: string, rename: (name: string) => string | null): Promise<void> {
  const handle = await open(file, 'r');
  try {
    for (const entry of await listZip(handle, file)) {
      const relative = rename(entry.name);
      if (relative === null) continue;
      if (entry.encrypted) throw bad(file, 'is encrypted. Unpack it yourself and choose the folder.');
      if (entry.method !== 0 && entry.method !== 8)
        throw bad(
          file,
          `packs ${entry.name} in a way the lab does not know (method ${entry.method}). Unpack it yourself and choose the folder.`,
        );
      await unpackEntry(handle, file, entry, path.join(target, relative));
    }
  } finally {
    await handle.close();
  }
}

async function unpackEntry(handle: FileHandle, file: string, entry: ZipEntry, target: string): Promise<void> {
  const local = await readAt(handle, entry.offset, 30);
  if (local.length < 30 || local.readUInt32LE(0) !== 0x04034b50)
    throw bad(file, 'has a broken directory. Make or download it again.');
  const start = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  await mkdir(path.dirname(target), { recursive: true });
  let crc = 0;
  let size = 0;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      crc = crc32(chunk, crc);
      size += chunk.length;
      // what claims to be small and is endless is stopped here
      done(
        size > entry.size
          ? bad(file, `is damaged at ${entry.name}: there is more of it than the zip says. Make or download it again.`)
          : null,
        chunk,
      );
    },
  });
  const out = createWriteStream(target);
  if (entry.packed > 0) {
    // not from the handle: each of its streams leaves a listener on it
    const source = createReadStream(file, { start, end: start + entry.packed - 1, highWaterMark: 1 << 20 });
    try {
      if (entry.method === 8) await pipeline(source, createInflateRaw(), check, out);
      else await pipeline(source, check, out);
    } catch (error) {
      if (error instanceof LabError || (error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      throw bad(file, `is damaged at ${entry.name} (${(error as Error).message}). Make or download it again.`);
    }
  } else await pipeline([], out as Writable);
  if (size !== entry.size || crc !== entry.crc)
    throw bad(file, `is damaged at ${entry.name}. Make or download it again.`);
}
