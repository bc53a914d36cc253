// The identity of a model: SHA-256 over its file and the files its weights are kept in, remembered by size and time.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { OnnxFile } from './folder.ts';

type Known = Record<string, { stamp: string; hash: string }>;

/** Hex. Files are streamed; a file whose size and modification time are as before is not read again. */
export async function modelHash(onnx: OnnxFile, cacheDir: string): Promise<string> {
  const files = [onnx.file, ...onnx.header.externalFiles.map((name) => path.join(path.dirname(onnx.file), name))];
  const stamp = files.map((file) => `${statSync(file).size}:${statSync(file).mtimeMs}`).join(' ');
  const memory = path.join(cacheDir, 'model-hashes.json');
  const known = readKnown(memory);
  if (known[onnx.file]?.stamp === stamp) return known[onnx.file]!.hash;
  const hash = createHash('sha256');
  for (const file of files)
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const digest = hash.digest('hex');
  try {
    mkdirSync(cacheDir, { recursive: true });
    writeFileSync(memory, JSON.stringify({ ...readKnown(memory), [onnx.file]: { stamp, hash: digest } }));
  } catch {
    // a cache that cannot be written costs time only
  }
  return digest;
}

function readKnown(file: string): Known {
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Known) : {};
  } catch {
    return {};
  }
}
