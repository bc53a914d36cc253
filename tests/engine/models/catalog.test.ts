// The catalog's own shape, and what it must hold.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { catalogInfo, readCatalog } from '../../../electron/engine/models/catalog.ts';

const catalog = readCatalog(fileURLToPath(new URL('../../../models/', import.meta.url)));

test('has the models a lecture on CLIP needs, with licences and sizes', () => {
  const ids = catalog.map((entry) => entry.id);
  expect(ids).toEqual(
    expect.arrayContaining([
      'clip-vit-base-patch32',
      'clip-vit-base-patch16',
      'clip-vit-large-patch14',
      'mobileclip_s0',
      'tinyclip-vit-8m-16',
      'siglip-base-patch16-224',
      'dinov2-small',
      'resnet-50',
      'vit-base-patch16-224',
    ]),
  );
  expect(new Set(ids).size).toBe(ids.length);
  for (const entry of catalog) {
    expect(entry.bytes, entry.id).toBeGreaterThan(10e6);
    expect(entry.licence, entry.id).not.toBe('');
    expect(
      entry.files.some((file) => file.endsWith('.onnx')),
      entry.id,
    ).toBe(true);
    expect(entry.files, entry.id).toEqual(expect.arrayContaining(['config.json', 'preprocessor_config.json']));
    if (entry.family === 'dual') expect(entry.files, entry.id).toContain('tokenizer.json');
    expect(entry.revision === 'main' || /^[0-9a-f]{40}$/.test(entry.revision), entry.id).toBe(true);
  }
});

test('an entry shows as a model that is not here', () => {
  expect(catalogInfo(catalog[0]!)).toMatchObject({ installed: false, path: null, source: 'catalog' });
});

test('a catalog that does not fit names the field', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'lab-catalog-'));
  writeFileSync(path.join(dir, 'catalog.json'), JSON.stringify({ models: [{ ...catalog[0], bytes: 'many' }] }));
  expect(() => readCatalog(dir)).toThrow(/models\.0\.bytes/);
  expect(readCatalog(path.join(dir, 'nowhere'))).toEqual([]);
});
