// Placing text without overlap: labels at the ends of lines, callouts, and lines broken at a width.

/**
 * Vertical centres for labels that want to stand at `wanted` and are `height` tall, moved as little as possible
 * (least squares: neighbours that would overlap are pooled, as in isotonic regression) and kept inside top..bottom.
 */
export function spread(wanted: readonly number[], height: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  const first = top + height / 2;
  const last = Math.max(first, bottom - height / 2 - height * (wanted.length - 1));
  type Block = { sum: number; size: number };
  const blocks: Block[] = [];
  const mean = (block: Block) => clamp(block.sum / block.size, first, last);
  order.forEach((index, rank) => {
    let block: Block = { sum: wanted[index]! - rank * height, size: 1 };
    while (blocks.length > 0 && mean(blocks.at(-1)!) >= mean(block)) {
      const before = blocks.pop()!;
      block = { sum: before.sum + block.sum, size: before.size + block.size };
    }
    blocks.push(block);
  });
  const placed = new Array<number>(wanted.length).fill(0);
  let rank = 0;
  for (const block of blocks) {
    for (let i = 0; i < block.size; i++, rank++) placed[order[rank]!] = mean(block) + rank * height;
  }
  return placed;
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

export type Box = { x: number; y: number; width: number; height: number };

export const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));

/**
 * Where a callout of the given size may stand near (x, y): the candidate inside `area` that covers the least of
 * `taken`, the nearest of equals. Deterministic, so the same data always draws the same picture.
 */
export function placeCallout(
  at: { x: number; y: number },
  size: { width: number; height: number },
  area: Box,
  taken: readonly Box[],
): Box {
  let best: Box | null = null;
  let cost = Number.POSITIVE_INFINITY;
  for (const dy of [40, 64, -48, 96, -76, 128, -108, 160, -150, 200, -200]) {
    for (const dx of [28, -20 - size.width / 2, 60, -28 - size.width, 110]) {
      const box = {
        x: clamp(at.x + dx, area.x, area.x + area.width - size.width),
        y: clamp(at.y + dy - size.height / 2, area.y, area.y + area.height - size.height),
        ...size,
      };
      const covered = taken.reduce((sum, other) => sum + overlap(box, other), 0);
      const distance = Math.hypot(box.x + size.width / 2 - at.x, box.y + size.height / 2 - at.y);
      const total = covered * 4 + distance;
      if (total < cost) {
        best = box;
        cost = total;
      }
    }
  }
  return best!;
}

/** Rough width of text in Inter, pixels: exact enough to leave room, on the wide side for other fonts. */
export function textWidth(text: string, size: number, bold = false): number {
  let units = 0;
  for (const char of text) {
    if ("ilj.,;:|!'()[]tfr ".includes(char)) units += 0.36;
    else if ('mwMW%@—'.includes(char)) units += 0.88;
    else if (char >= 'A' && char <= 'Z') units += 0.69;
    else if (char.codePointAt(0)! > 0x2e80) units += 1;
    else units += 0.6;
  }
  return units * size * (bold ? 1.06 : 1);
}

/** Words broken into lines no wider than `width`; a single word wider than that stands alone, cut with an ellipsis. */
export function wrap(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (textWidth(longer, size) <= width) line = longer;
    else {
      if (line !== '') lines.push(line);
      line = shorten(word, size, width);
    }
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** Wrapped into as few lines as `width` allows, and those about equally long. */
export function wrapBalanced(text: string, size: number, width: number): string[] {
  const fewest = wrap(text, size, width).length;
  for (let narrower = width / fewest; narrower < width; narrower += 8) {
    const lines = wrap(text, size, narrower);
    if (lines.length === fewest && !lines.some((line) => line.endsWith('…'))) return lines;
  }
  return wrap(text, size, width);
}

/** The text, or as much of it as fits with an ellipsis. */
export function shorten(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  const chars = [...text];
  while (chars.length > 1 && textWidth(`${chars.join('')}…`, size) > width) chars.pop();
  return `${chars.join('')}…`;
}
