// CSV and JSON lists, the well-formed and the others.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readList } from '../../../electron/engine/datasets/list.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'lab-list-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function read(name: string, content: string | Buffer) {
  const file = path.join(root, name);
  writeFileSync(file, content);
  return readList(file, root);
}

test('CSV with a byte order mark, CRLF, quotes, and columns in any order', async () => {
  const { entries } = await read(
    'a.csv',
    '\ufeffLabel,Path,Split\r\n"cat, black","sub/a ""1"".jpg",train\r\ndog,b.jpg,Validation\r\n,c.jpg,\r\n',
  );
  expect(entries).toEqual([
    { path: 'sub/a "1".jpg', label: 'cat, black', split: 'train', fault: null },
    { path: 'b.jpg', label: 'dog', split: 'val', fault: null },
    { path: 'c.jpg', label: null, split: null, fault: null },
  ]);
});

test('lists of other encodings: UTF-16 by its mark, Windows-1252 with a note', async () => {
  const csv = 'path;label\r\ncafé.jpg;Häuser\r\n2.jpg;Straße\r\n';
  const labels = async (name: string, content: Buffer) => {
    const { entries, notes } = await read(name, content);
    return { rows: entries.map((entry) => [entry.path, entry.label]), notes };
  };
  const rows = [
    ['café.jpg', 'Häuser'],
    ['2.jpg', 'Straße'],
  ];
  expect(await labels('16.csv', Buffer.from(`\ufeff${csv}`, 'utf16le'))).toEqual({ rows, notes: [] });
  expect(await labels('16be.csv', Buffer.from(`\ufeff${csv}`, 'utf16le').swap16())).toEqual({ rows, notes: [] });
  expect(await labels('ansi.csv', Buffer.from(csv, 'latin1'))).toEqual({
    rows,
    notes: [expect.stringMatching(/not UTF-8 and was read as Windows-1252/)],
  });
  const json = JSON.stringify(Object.fromEntries(rows));
  expect((await labels('16.json', Buffer.from(`\ufeff${json}`, 'utf16le'))).rows).toEqual(rows);
  expect((await labels('ansi.json', Buffer.from(json, 'latin1'))).rows).toEqual(rows);
});

test('CSV whose lines end in several ways, with spaces and quotes where the format has none', async () => {
  const { entries } = await read(
    'a.csv',
    'path,label\r\n1.jpg,"cat, black"\n2.jpg, "dog"\r3.jpg,12" disc\n\n"4.jpg" ,"cat, black"\r\n',
  );
  expect(entries.map(({ path: at, label }) => [at, label])).toEqual([
    ['1.jpg', 'cat, black'],
    ['2.jpg', 'dog'],
    ['3.jpg', '12" disc'],
    ['4.jpg', 'cat, black'],
  ]);
});

test('CSV without a header is path,label,split', async () => {
  const { entries } = await read('a.csv', 'x/1.jpg,cat\nx/2.jpg,dog,test\n');
  expect(entries.map(({ path: at, label, split }) => [at, label, split])).toEqual([
    ['x/1.jpg', 'cat', null],
    ['x/2.jpg', 'dog', 'test'],
  ]);
});

test('semicolons and tabs where there is no comma', async () => {
  expect((await read('a.csv', 'path;label\n1.jpg;cat\n')).entries[0]).toMatchObject({ path: '1.jpg', label: 'cat' });
  expect((await read('b.tsv', 'path\tlabel\n1.jpg\tcat\n')).entries[0]).toMatchObject({ path: '1.jpg', label: 'cat' });
});

test('absolute paths inside the folder become relative; those that lead out are faults', async () => {
  const { entries } = await read(
    'a.csv',
    `path,label\n${root}/x/1.jpg,cat\n/etc/passwd,dog\n../up.jpg,dog\nsub\\win.jpg,cat\n`,
  );
  expect(entries.map(({ path: at, fault }) => [at, fault])).toEqual([
    ['x/1.jpg', null],
    ['/etc/passwd', 'it lies outside the folder of the list'],
    ['../up.jpg', 'it lies outside the folder of the list'],
    ['sub/win.jpg', null],
  ]);
});

test('a split nobody knows is a fault of its row alone; a file named twice counts once and is noted', async () => {
  const { entries, notes } = await read(
    'a.csv',
    'path,label,split\n1.jpg,cat,holdout\n2.jpg,cat,test\n2.jpg,dog,test\n',
  );
  expect(entries).toHaveLength(2);
  expect(entries[0]?.fault).toBe('the list says split "holdout"; use train, val or test');
  expect(notes).toEqual(['line 4: 2.jpg is listed again as dog; line 3 (cat) counts.']);
});

test('JSON as a list, as an object of labels, and below "images"', async () => {
  const expected = { path: '1.jpg', label: 'cat', split: 'test', fault: null };
  expect((await read('a.json', '[{"path":"1.jpg","label":"cat","split":"test"}]')).entries).toEqual([expected]);
  expect((await read('b.json', '{"images":[{"file_name":"1.jpg","label":"cat","split":"test"}]}')).entries).toEqual([
    expected,
  ]);
  expect(
    (await read('c.json', '\ufeff{"1.jpg":"cat","2.jpg":3}')).entries.map(({ path: at, label }) => [at, label]),
  ).toEqual([
    ['1.jpg', 'cat'],
    ['2.jpg', '3'],
  ]);
});

test.each([
  ['a.csv', '', /lists no files/],
  ['a.csv', 'name,label\n"1.jpg,cat\n', /no column "path"/],
  ['a.csv', 'path,label\n"1.jpg,cat\n', /cannot be read as CSV/],
  ['a.json', '[{"path":', /cannot be read as JSON/],
  ['a.json', '3', /is not a list/],
])('%s with %j is refused in words', async (name, content, words) => {
  await expect(read(name, content)).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(words),
  });
});
