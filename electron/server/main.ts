// The browser host as a program of its own: `npm run serve`, and what `npm start` runs where there is no display.
import { existsSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { LabError } from '../../shared/contract.ts';
import { defaultDataDir } from '../../shared/data-dir.ts';
import { beginDemo } from '../engine/demo/begin.ts';
import { createEngine } from '../engine/engine.ts';
import { programPath } from '../engine/program.ts';
import { stepBackFromBrowsers } from '../engine/workers/priority.ts';
import { openBrowser } from './browser.ts';
import { startServer } from './server.ts';

const HELP = `Serves the lab to a browser on this machine, at a loopback address with a secret in it.

  --port N          a fixed port (default: any free one)
  --data-dir DIR    where the lab keeps its data (also LAB_DATA_DIR)
  --models-dir DIR  a folder of models, looked in first; may be given several times (also LAB_MODELS_DIR)
  --open            open the address in the default browser`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'data-dir': { type: 'string' },
    'models-dir': { type: 'string', multiple: true },
    open: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

async function serve(): Promise<void> {
  const bundleDir = programPath('dist/renderer');
  if (!existsSync(`${bundleDir}/index.html`))
    throw new LabError(
      'not-found',
      `The page is not built: ${bundleDir} has no index.html. Run npm run build, or npm start, which does it.`,
    );
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new LabError('bad-request', `--port ${values.port}: a number from 0 to 65535 is needed.`);
  const dataDir =
    values['data-dir'] ?? defaultDataDir({ platform: process.platform, home: os.homedir(), env: process.env });
  stepBackFromBrowsers();
  const engine = await createEngine({ host: 'server', dataDir, modelsDirs: values['models-dir'] });
  const server = await startServer(engine, { port, bundleDir });

  process.stdout.write(`Fewshot Lab is at ${server.url}\n`);
  beginDemo(engine);
  process.stderr.write('Press Ctrl+C to stop.\n');
  if (values.open) openBrowser(server.url);

  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(0), 5000).unref();
    void server
      .close()
      .then(() => engine.close())
      .finally(() => process.exit(0));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
}

if (values.help) process.stdout.write(`${HELP}\n`);
else
  serve().catch((error: unknown) => {
    process.stderr.write(
      `${error instanceof LabError ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exit(1);
  });
