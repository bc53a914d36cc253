// The text of a list, whatever program wrote it: UTF-8 or UTF-16 by their marks, else UTF-8, else what Windows programs of the
// West write without saying so.
import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * For csv-parse, which otherwise takes the first line's end for every line's: a file that two programs wrote, or one and a hand,
 * mixes them. Quotes and spaces may stand where the format has none.
 */
export const LENIENT_CSV = {
  record_delimiter: ['\r\n', '\n', '\r'],
  relax_column_count: true,
  relax_quotes: true,
  trim: true,
};

/** Reads the whole file, but never keeps it. */
export async function encodingOf(file: string): Promise<Encoding> {
  const strict = new TextDecoder('utf-8', { fatal: true });
  let first = true;
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      const marked = first ? byMark(chunk) : null;
      if (marked) return marked;
      first = false;
      strict.decode(chunk, { stream: true });
    }
    strict.decode();
    return 'utf-8';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'windows-1252';
    throw error;
  }
}

const byMark = (bytes: Uint8Array): Encoding | null =>
  bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null;

/** The same for a small file that is in memory already. */
export const decodeText = (bytes: Uint8Array): string =>
  new TextDecoder(byMark(bytes) ?? (isUtf8(bytes) ? 'utf-8' : 'windows-1252')).decode(bytes);

/** The comma, unless the first line has none but has tabs or semicolons, as spreadsheets of some countries write. */
export function delimiterIn(text: string): string {
  const line = text.split(/[\r\n]/, 1)[0]!;
  if (line.includes(',')) return ',';
  return line.includes('\t') ? '\t' : line.includes(';') ? ';' : ',';
}

/** In pieces, without the mark at the start. */
export async function* textOf(file: string, encoding: Encoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>)
    yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}
