// Sizes from files made of boxes: AVIF and HEIC (ISO 14496-12, 23008-12), JPEG 2000 (ISO 15444-1).
import { cutShort, need, starts, u16be, u32be } from './bytes.ts';
import type { ImageHeader } from './header.ts';

type Box = { type: string; start: number; end: number };

/** The boxes that lie in [start, end); `start` and `end` of each are those of its content. */
function* boxes(bytes: Uint8Array, start: number, end: number): Generator<Box> {
  for (let at = start; at + 8 <= end; ) {
    let size = u32be(bytes, at);
    let head = 8;
    if (size === 1) {
      need(bytes, at + 16);
      size = u32be(bytes, at + 8) * 2 ** 32 + u32be(bytes, at + 12);
      head = 16;
    } else if (size === 0) size = end - at;
    if (size < head) return;
    yield {
      type: String.fromCharCode(bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!, bytes[at + 7]!),
      start: at + head,
      end: at + size,
    };
    at += size;
  }
}

function inside(bytes: Uint8Array, parent: { start: number; end: number }, type: string): Box {
  need(bytes, Math.min(parent.end, parent.start + 8));
  for (const box of boxes(bytes, parent.start, Math.min(parent.end, bytes.length))) {
    if (box.type !== type) continue;
    need(bytes, box.end);
    return box;
  }
  throw parent.end > bytes.length ? cutShort() : new Error(`not a valid file: its ${type} box is missing`);
}

/**
 * AVIF or HEIC: size of the primary item (ispe), turned by its irot as decoders do. EXIF orientation is not applied to these.
 * HEIC, which is not decoded, is told even when it is damaged or has no picture by itself; its size is then 0.
 */
export function readIsobmff(bytes: Uint8Array): ImageHeader {
  const file = { start: 0, end: bytes.length };
  const ftyp = inside(bytes, file, 'ftyp');
  const brands = new Set<string>();
  for (let at = ftyp.start; at + 4 <= ftyp.end; at += 4) brands.add(String.fromCharCode(...bytes.subarray(at, at + 4)));
  const format = ['avif', 'avis'].some((b) => brands.has(b))
    ? 'avif'
    : ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1'].some((b) => brands.has(b))
      ? 'heic'
      : null;
  if (format === null) throw new Error('not an image: a film or another file made of boxes');
  try {
    return { format, orientation: 1, ...primarySize(bytes, file) };
  } catch (error) {
    if (format === 'heic') return { format, width: 0, height: 0, orientation: 1 };
    throw error;
  }
}

function primarySize(bytes: Uint8Array, file: { start: number; end: number }): { width: number; height: number } {
  const meta = inside(bytes, file, 'meta');
  const metaContent = { start: meta.start + 4, end: meta.end };
  const pitm = inside(bytes, metaContent, 'pitm');
  const primary = bytes[pitm.start] === 0 ? u16be(bytes, pitm.start + 4) : u32be(bytes, pitm.start + 4);
  const iprp = inside(bytes, metaContent, 'iprp');
  const properties = [...boxes(bytes, ...span(inside(bytes, iprp, 'ipco')))];
  let [width, height] = [0, 0];
  let turned = false;
  for (const index of propertiesOf(bytes, inside(bytes, iprp, 'ipma'), primary)) {
    const box = properties[index - 1];
    if (box?.type === 'ispe') {
      width = u32be(bytes, box.start + 4);
      height = u32be(bytes, box.start + 8);
    } else if (box?.type === 'irot') turned = (bytes[box.start]! & 1) === 1;
  }
  return turned ? { width: height, height: width } : { width, height };
}

const span = (box: Box): [number, number] => [box.start, box.end];

/** The 1-based property indices that an ipma box gives to `item`. */
function propertiesOf(bytes: Uint8Array, ipma: Box, item: number): number[] {
  const longId = bytes[ipma.start]! >= 1;
  const longIndex = (bytes[ipma.start + 3]! & 1) === 1;
  const entries = u32be(bytes, ipma.start + 4);
  let at = ipma.start + 8;
  for (let i = 0; i < entries && at < ipma.end; i++) {
    const id = longId ? u32be(bytes, at) : u16be(bytes, at);
    at += longId ? 4 : 2;
    const count = bytes[at++]!;
    const width = longIndex ? 2 : 1;
    if (id === item)
      return Array.from({ length: count }, (_, k) =>
        longIndex ? u16be(bytes, at + 2 * k) & 0x7fff : bytes[at + k]! & 0x7f,
      );
    at += count * width;
  }
  return [];
}

/** JPEG 2000, as a file (jp2h, ihdr) or a bare codestream (SIZ). */
export function readJp2(bytes: Uint8Array): ImageHeader {
  if (starts(bytes, 0, '\xff\x4f\xff\x51')) {
    need(bytes, 24);
    return {
      format: 'jp2',
      width: u32be(bytes, 8) - u32be(bytes, 16),
      height: u32be(bytes, 12) - u32be(bytes, 20),
      orientation: 1,
    };
  }
  const ihdr = inside(bytes, inside(bytes, { start: 0, end: bytes.length }, 'jp2h'), 'ihdr');
  return { format: 'jp2', width: u32be(bytes, ihdr.start + 4), height: u32be(bytes, ihdr.start), orientation: 1 };
}
