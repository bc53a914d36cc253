// The images under the captions have their places before they are there.
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { ImageStrip } from '../../../renderer/prompt/ImageStrip.tsx';
import type { Scored, ShownImage } from '../../../renderer/prompt/useScore.ts';

const drawn = (images: ShownImage[]): string =>
  renderToStaticMarkup(
    <ImageStrip
      scored={
        { images, kept: new Set<number>(), score: undefined, keep: () => {}, next: () => {} } as unknown as Scored
      }
    />,
  );
const shape = (html: string) =>
  [/<li[ >]/g, /class="thumb"/g, /class="row verdict"/g, /class="said/g].map((part) => html.match(part)?.length);

test('eight places, of as many lines as the images that come', () => {
  const images = Array.from({ length: 8 }, (_, id) => ({ id, hash: `${id}`, path: `${id}.jpg` }));
  expect(shape(drawn([]))).toEqual(shape(drawn(images)));
});
