// Thumbnails and whole images by URL.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importFolder } from '../../electron/engine/datasets/import.ts';
import { itemPage } from '../../electron/engine/datasets/items.ts';
import { mediaHandler } from '../../electron/engine/media.ts';
import type { Item } from '../../shared/contract.ts';
import { imageUrl, thumbnailUrl } from '../../shared/urls.ts';
import { jpeg, openLab, put, type TestLab } from './datasets/lab.ts';

let lab: TestLab;
let items: Map<string, Item>;
beforeEach(async () => {
  lab = await openLab();
  put(lab.folder, {
    'photo.jpg': await jpeg(1, 600, 300),
    'turned.jpg': await sharp(await jpeg(2, 40, 20))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer(),
    'scan.tif': await sharp(await jpeg(3, 40, 20))
      .tiff()
      .toBuffer(),
    'bad.jpg': 'no picture',
  });
  const { datasetId: id } = await importFolder(lab.engine, { path: lab.folder });
  const page = itemPage(lab.engine.db, { id, filter: {}, offset: 0, limit: 10 });
  items = new Map(page.items.map((item) => [item.path, item]));
});
afterEach(() => lab.close());

async function get(address: string, init: RequestInit = {}): Promise<Response> {
  const response = await mediaHandler(lab.engine)(new Request(`http://lab.invalid/secret/${address}`, init));
  if (!response) throw new Error(`${address} is not media`);
  return response;
}
const bytes = async (response: Response) => Buffer.from(await response.arrayBuffer());

test('a thumbnail is a WebP of at most 256 px, upright, kept by the browser for ever', async () => {
  const response = await get(thumbnailUrl(items.get('photo.jpg')!.hash));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('image/webp');
  expect(response.headers.get('cache-control')).toContain('immutable');
  expect(await sharp(await bytes(response)).metadata()).toMatchObject({ format: 'webp', width: 256, height: 128 });
  const turned = await bytes(await get(thumbnailUrl(items.get('turned.jpg')!.hash)));
  expect(await sharp(turned).metadata()).toMatchObject({ width: 20, height: 40 });
  const etag = response.headers.get('etag')!;
  expect((await get(thumbnailUrl(items.get('photo.jpg')!.hash), { headers: { 'if-none-match': etag } })).status).toBe(
    304,
  );
});

test('a whole image comes as it is, in parts when asked, and is asked for again after a change', async () => {
  const { id, hash } = items.get('photo.jpg')!;
  const original = readFileSync(path.join(lab.folder, 'photo.jpg'));
  const whole = await get(imageUrl(id));
  expect(whole.headers.get('content-type')).toBe('image/jpeg');
  expect(whole.headers.get('content-length')).toBe(String(original.length));
  expect(whole.headers.get('etag')).toBe(`"${hash}"`);
  expect(whole.headers.get('cache-control')).toContain('no-cache');
  expect(await bytes(whole)).toEqual(original);
  const part = async (range: string) => {
    const response = await get(imageUrl(id), { headers: { range } });
    return [response.status, response.headers.get('content-range'), (await bytes(response)).toString('hex')];
  };
  const size = original.length;
  expect(await part('bytes=0-9')).toEqual([206, `bytes 0-9/${size}`, original.subarray(0, 10).toString('hex')]);
  expect(await part('bytes=-5')).toEqual([
    206,
    `bytes ${size - 5}-${size - 1}/${size}`,
    original.subarray(-5).toString('hex'),
  ]);
  expect(await part(`bytes=${size - 2}-`)).toEqual([
    206,
    `bytes ${size - 2}-${size - 1}/${size}`,
    original.subarray(-2).toString('hex'),
  ]);
  expect(await part(`bytes=0-${size + 99}`)).toEqual([206, `bytes 0-${size - 1}/${size}`, original.toString('hex')]);
  expect(await part(`bytes=${size}-`)).toEqual([416, `bytes */${size}`, '']);
  expect((await part('bytes=5-2'))[0]).toBe(200);
  expect((await part('lines=1-2'))[0]).toBe(200);
  expect((await get(imageUrl(id), { headers: { 'if-none-match': `"${hash}"` } })).status).toBe(304);
  const head = await get(imageUrl(id), { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), (await bytes(head)).length]).toEqual([200, String(size), 0]);
});

test('what no browser shows is sent as something it does', async () => {
  const response = await get(imageUrl(items.get('scan.tif')!.id));
  expect(response.headers.get('content-type')).toBe('image/webp');
  expect(await sharp(await bytes(response)).metadata()).toMatchObject({ format: 'webp', width: 40, height: 20 });
});

test('a file that changed or went is not shown as what it was', async () => {
  const photo = items.get('photo.jpg')!;
  writeFileSync(path.join(lab.folder, 'photo.jpg'), await jpeg(9, 700, 300));
  for (const address of [thumbnailUrl(photo.hash), imageUrl(photo.id)]) {
    const response = await get(address);
    expect([response.status, await response.text()]).toEqual([
      404,
      'photo.jpg has changed since it was read. Re-scan its dataset.',
    ]);
  }
  renameSync(path.join(lab.folder, 'turned.jpg'), path.join(lab.dir, 'away.jpg'));
  const gone = await get(thumbnailUrl(items.get('turned.jpg')!.hash));
  expect([gone.status, await gone.text()]).toEqual([404, 'turned.jpg: the file is not there.']);
});

test('only known items are ever sent, and other addresses are left to others', async () => {
  expect((await get(thumbnailUrl('0'.repeat(64)))).status).toBe(404);
  expect((await get(imageUrl(999))).status).toBe(404);
  for (const name of ['..%2F..%2Fetc%2Fpasswd', 'x', '1e3', '-1', ''])
    expect((await get(`media/image/${name}`)).status).toBe(404);
  const bad = await get(imageUrl(items.get('bad.jpg')!.id));
  expect(bad.status).toBe(404);
  expect(bad.headers.get('content-type')).toContain('text/plain');
  expect((await get(imageUrl(items.get('photo.jpg')!.id), { method: 'DELETE' })).status).toBe(405);
  expect(await mediaHandler(lab.engine)(new Request('http://lab.invalid/export/compare/1/report.json'))).toBeNull();
  expect(await mediaHandler(lab.engine)(new Request('http://lab.invalid/index.html'))).toBeNull();
});
