// Downloads against a hub on this machine: resumed after a cut, checked, cancelled, refused, through a proxy.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CatalogEntry } from '../../../electron/engine/models/catalog.ts';
import { type DownloadOptions, downloadModel } from '../../../electron/engine/models/download.ts';
import { hubAccess } from '../../../electron/engine/models/hub-request.ts';
import { fixturePath } from '../../helpers/shared.ts';
import { type FakeHub, fakeHub, fakeProxy } from './fake-hub.ts';

const read = (name: string) => readFileSync(fixturePath(`tiny-resnet/${name}`));
const FILES = {
  'config.json': read('config.json'),
  'preprocessor_config.json': read('preprocessor_config.json'),
  'onnx/model.onnx': read('onnx/model.onnx'),
};
const MODEL_BYTES = FILES['onnx/model.onnx'].length;
const entry: CatalogEntry = {
  id: 'tiny',
  name: 'Tiny',
  repo: 'Xenova/tiny',
  revision: 'main',
  family: 'vision',
  files: Object.keys(FILES),
  optional: ['README.md'],
  bytes: 1,
  bytesApproximate: true,
  licence: 'MIT',
  outputs: ['logits'],
  dim: 10,
  imageSize: 64,
  goodFor: 'tests',
};

let hub: FakeHub;
let modelsDir: string;
let events: { done: number; total: number }[];
const logs: string[] = [];
beforeEach(async () => {
  hub = await fakeHub(FILES);
  modelsDir = mkdtempSync(path.join(tmpdir(), 'lab-download-'));
  events = [];
  logs.length = 0;
});
afterEach(async () => {
  await hub.close();
  rmSync(modelsDir, { recursive: true, force: true });
});
const access = (over: { token?: string; proxy?: string; url?: string } = {}) => ({
  url: hub.url,
  token: '',
  proxy: '',
  ...over,
});
const download = (over: Partial<DownloadOptions> = {}) =>
  downloadModel({
    entry,
    access: access(),
    modelsDir,
    signal: new AbortController().signal,
    progress: (done, total) => void events.push({ done, total }),
    log: (_level, text) => void logs.push(text),
    retryMs: 5,
    ...over,
  });
const fetches = (name = 'onnx%2Fmodel.onnx') => hub.requests.filter((request) => request.path === `/store/${name}`);

describe('a download', () => {
  test('puts the whole folder in its place, with where it came from, and counts every byte', async () => {
    const folder = await download();
    expect(folder).toBe(path.join(modelsDir, 'tiny'));
    for (const [name, content] of Object.entries(FILES)) expect(readFileSync(path.join(folder, name))).toEqual(content);
    expect(JSON.parse(readFileSync(path.join(folder, 'fewshot-lab.json'), 'utf8'))).toMatchObject({
      repo: 'Xenova/tiny',
      revision: 'main',
      licence: 'MIT',
      from: hub.url,
    });
    const total = Object.values(FILES).reduce((sum, content) => sum + content.length, 0);
    expect(events.at(-1)).toEqual({ done: total, total });
    expect(events.every(({ done }, i) => i === 0 || done >= events[i - 1]!.done)).toBe(true);
    expect(existsSync(path.join(modelsDir, '.downloads', 'tiny'))).toBe(false);
  });
  test('asks nothing of the network when the model is there', async () => {
    await download();
    hub.requests.length = 0;
    await download();
    expect(hub.requests).toEqual([]);
  });
  test('goes on after a connection that was cut, within one run', async () => {
    hub.cuts = [30_000, 20_000];
    const folder = await download();
    expect(readFileSync(path.join(folder, 'onnx/model.onnx'))).toEqual(FILES['onnx/model.onnx']);
    expect(fetches().map(({ range }) => range)).toEqual([undefined, 'bytes=30000-', 'bytes=50000-']);
    expect(logs.filter((text) => /trying again from/.test(text))).toHaveLength(2);
  });
  test('that fails for good keeps what has arrived, and the next one goes on there', async () => {
    hub.cuts = [10_000, 0, 0, 0];
    await expect(download()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/resume: what has arrived is kept/),
    });
    hub.requests.length = 0;
    await download();
    expect(fetches().map(({ range }) => range)).toEqual(['bytes=10000-']);
    // the small files were not fetched again either
    expect(hub.requests.filter(({ path }) => path.endsWith('config.json'))).toEqual([]);
  });
  test('starts over where the server knows no ranges', async () => {
    hub.ranges = false;
    hub.cuts = [30_000];
    const folder = await download();
    expect(readFileSync(path.join(folder, 'onnx/model.onnx'))).toEqual(FILES['onnx/model.onnx']);
  });
  test('survives a server that is overloaded for a moment', async () => {
    hub.statuses = [200, 503, 500];
    await download();
    expect(existsSync(path.join(modelsDir, 'tiny', 'config.json'))).toBe(true);
  });
  test('takes an optional file when it is there', async () => {
    await hub.close();
    hub = await fakeHub({ ...FILES, 'README.md': Buffer.from('---\nlicense: mit\n---') });
    const folder = await download();
    expect(existsSync(path.join(folder, 'README.md'))).toBe(true);
  });
});

describe('a file that is not what the Hub says', () => {
  test.each([['onnx/model.onnx'], ['config.json']])('%s is deleted and named', async (name) => {
    hub.corrupt.add(name);
    await expect(download()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(new RegExp(`${name}.*does not match its hash`)),
    });
    expect(existsSync(path.join(modelsDir, 'tiny'))).toBe(false);
    hub.corrupt.clear();
    await download();
    expect(readFileSync(path.join(modelsDir, 'tiny', name))).toEqual(FILES[name as keyof typeof FILES]);
  });
});

test('a body that does not end is left when there is more than the Hub said', async () => {
  hub.endless.add('onnx/model.onnx');
  await expect(download()).rejects.toMatchObject({ message: expect.stringMatching(/does not match its hash/) });
  hub.endless.clear();
  await download();
  expect(readFileSync(path.join(modelsDir, 'tiny', 'onnx/model.onnx'))).toEqual(FILES['onnx/model.onnx']);
});

test('a file that cannot be written is named, and nothing else dies of it', async () => {
  const { createHash } = await import('node:crypto');
  const content = FILES['onnx/model.onnx'];
  const name = `model.onnx.${createHash('sha256').update(content).digest('hex').slice(0, 12)}.partial`;
  mkdirSync(path.join(modelsDir, '.downloads', 'tiny', 'onnx', name), { recursive: true });
  await expect(download()).rejects.toMatchObject({
    code: 'bad-request',
    message: expect.stringMatching(/\.partial cannot be written: it is a folder/),
  });
});

describe('refusals', () => {
  test.each([
    ['a login page', '<html>Please log in</html>'],
    ['another list', '{"error":"no"}'],
  ])('%s in place of the list of files', async (_what, answer) => {
    const http = await import('node:http');
    const portal = http.createServer((_request, reply) => reply.end(answer));
    await new Promise<void>((resolve) => portal.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(portal.address() as { port: number }).port}`;
    await expect(download({ access: access({ url }) })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/something else than a list of files.*log in first/),
    });
    portal.close();
  });
  test('401 without a token says where to set one; the token is sent, and not to the file store elsewhere', async () => {
    hub.token = 'hf_secret';
    await expect(download()).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/401.*access token: set one under Settings/),
    });
    await expect(download({ access: access({ token: 'wrong' }) })).rejects.toMatchObject({
      message: expect.stringMatching(/token is not valid/),
    });
    await download({ access: access({ token: 'hf_secret' }) });
    expect(hub.requests.at(-1)?.authorization).toBe('Bearer hf_secret');
  });
  test('a redirect to another host does not get the token', async () => {
    const store = await fakeHub(FILES);
    const http = await import('node:http');
    const front = http.createServer((request, reply) => {
      if (request.url!.startsWith('/api/')) http.get(hub.url + request.url, (answer) => void answer.pipe(reply));
      else reply.writeHead(302, { location: store.url + request.url }).end();
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { port } = front.address() as { port: number };
    await download({ access: access({ token: 'hf_secret', url: `http://127.0.0.1:${port}` }) });
    expect(store.requests.length).toBeGreaterThan(0);
    expect(store.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
    front.closeAllConnections();
    front.close();
    await store.close();
  });
  test('a repository or a file that is not there is named', async () => {
    await expect(download({ entry: { ...entry, repo: 'Xenova/nothing' } })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/Xenova\/nothing.*404/),
    });
    await expect(download({ entry: { ...entry, files: [...entry.files, 'onnx/other.onnx'] } })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/has no onnx\/other\.onnx/),
    });
  });
  test('a hub that cannot be reached', async () => {
    await expect(download({ access: access({ url: 'http://127.0.0.1:9' }) })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)/),
    });
  });
  test('a model that cannot fit is refused before a byte of it is fetched', async () => {
    await hub.close();
    const http = await import('node:http');
    const liar = http.createServer((_request, reply) =>
      reply.end(
        JSON.stringify(Object.keys(FILES).map((name) => ({ type: 'file', path: name, size: 2 ** 52, oid: 'x' }))),
      ),
    );
    await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
    const { port } = liar.address() as { port: number };
    await expect(download({ access: access({ url: `http://127.0.0.1:${port}` }) })).rejects.toMatchObject({
      code: 'no-space',
      message: expect.stringMatching(/MB free; the download needs/),
    });
    liar.closeAllConnections();
    liar.close();
    hub = await fakeHub(FILES);
  });
  test('a folder of that name which is not a download is left alone', async () => {
    mkdirSync(path.join(modelsDir, 'tiny'));
    writeFileSync(path.join(modelsDir, 'tiny', 'mine.txt'), 'mine');
    await expect(download()).rejects.toMatchObject({ code: 'conflict' });
    expect(existsSync(path.join(modelsDir, 'tiny', 'mine.txt'))).toBe(true);
  });
});

test('cancelling keeps the bytes, and resuming takes only the rest', async () => {
  hub.pace = 200_000;
  const controller = new AbortController();
  const run = download({
    signal: controller.signal,
    progress(done) {
      if (done > 20_000) controller.abort();
    },
  });
  await expect(run).rejects.toMatchObject({ name: 'AbortError' });
  const { readdirSync } = await import('node:fs');
  const folder = path.join(modelsDir, '.downloads', 'tiny', 'onnx');
  const partial = readdirSync(folder).find((name) => name.endsWith('.partial'))!;
  const kept = statSync(path.join(folder, partial)).size;
  expect(kept).toBeGreaterThan(10_000);
  expect(kept).toBeLessThan(MODEL_BYTES);
  hub.pace = 0;
  hub.requests.length = 0;
  await download();
  expect(fetches().map(({ range }) => range)).toEqual([`bytes=${kept}-`]);
});

describe('a proxy', () => {
  test('carries every request', async () => {
    const proxy = await fakeProxy();
    await download({ access: access({ proxy: proxy.url }) });
    expect(proxy.asked.length).toBeGreaterThanOrEqual(4);
    expect(proxy.asked.every((line) => line.startsWith(`GET ${hub.url}/`))).toBe(true);
    await proxy.close();
  });
  test('is left out for a host that NO_PROXY names', async () => {
    const proxy = await fakeProxy();
    await download({ access: { ...access({ proxy: proxy.url }), noProxy: '127.0.0.1' } });
    expect(proxy.asked).toEqual([]);
    await proxy.close();
  });
  test('is asked for a tunnel to an https hub, and named when it refuses', async () => {
    const proxy = await fakeProxy();
    await expect(download({ access: access({ url: 'https://hub.example', proxy: proxy.url }) })).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining(`through ${proxy.url}`),
    });
    expect(proxy.asked[0]).toBe('CONNECT hub.example:443');
    await proxy.close();
  });
});

describe('where to download from', () => {
  const settings = { hubUrl: 'https://huggingface.co', hubToken: '', proxy: '' };
  test('the settings win over the environment, the environment over the standard', () => {
    const env = {
      HF_ENDPOINT: 'https://mirror.example/',
      HF_TOKEN: 'env',
      HTTPS_PROXY: 'http://proxy:1',
      NO_PROXY: 'localhost',
    };
    expect(hubAccess(settings, {})).toEqual({ url: 'https://huggingface.co', token: '', proxy: '', noProxy: '' });
    expect(hubAccess(settings, env)).toEqual({
      url: 'https://mirror.example',
      token: 'env',
      proxy: 'http://proxy:1',
      noProxy: 'localhost',
    });
    expect(hubAccess({ hubUrl: 'http://own:2', hubToken: 'mine', proxy: 'http://p:3' }, env)).toEqual({
      url: 'http://own:2',
      token: 'mine',
      proxy: 'http://p:3',
      noProxy: '',
    });
  });
  test.each([
    [{ ...settings, hubUrl: 'hf-mirror.example' }, /Hub or mirror is "hf-mirror\.example".*https:\/\//],
    [{ ...settings, proxy: 'proxy:8080' }, /The proxy is "proxy:8080".*http:\/\//],
  ])('what is no address is said before anything is asked', (wrong, message) => {
    expect(() => hubAccess(wrong, {})).toThrow(message);
  });
});
