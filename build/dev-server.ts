// The browser host of `npm run dev`: as `lab serve`, but at an address that stays the same, so that the open page finds it again.

import os from 'node:os';
import path from 'node:path';
import { beginDemo } from '../electron/engine/demo/begin.ts';
import { createEngine } from '../electron/engine/engine.ts';
import { startServer } from '../electron/server/server.ts';
import { defaultDataDir } from '../shared/data-dir.ts';
import { ROOT } from './root.ts';

const [port, token = ''] = process.argv.slice(2);
const engine = await createEngine({
  host: 'server',
  dataDir: defaultDataDir({ platform: process.platform, home: os.homedir(), env: process.env }),
});
const server = await startServer(engine, {
  port: Number(port),
  bundleDir: path.join(ROOT, 'dist/renderer'),
  token,
});
beginDemo(engine);
process.stderr.write(`Fewshot Lab is at ${server.url}\n`);
process.on(
  'SIGTERM',
  () =>
    void server
      .close()
      .then(engine.close)
      .finally(() => process.exit(0)),
);
