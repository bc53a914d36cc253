// A chart as a PNG that looks the same everywhere: its text is drawn from Inter's outlines, not from the machine's fonts.
import { outlineText } from './font.ts';

/** `scale` pixels for one unit of the SVG. */
export async function chartPng(svg: string, scale = 2): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp'); // loading it takes a while, and most reports are read, not drawn
  return sharp(Buffer.from(outlineText(svg)), { density: 72 * scale })
    .png({ compressionLevel: 9 })
    .toBuffer();
}
