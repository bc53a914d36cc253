// Gets a fresh clone ready: the packages of the lockfile, and Node 24. Plain JavaScript that runs on Node 20 with nothing installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const windows = process.platform === 'win32';

/** One line on stderr: stdout belongs to the program that comes after. */
export const say = (/** @type {string} */ text) => process.stderr.write(`${text}\n`);

/** Whether node_modules holds the versions of package-lock.json, by npm's own record of what it installed. */
export function isReady() {
  const record = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(record, 'utf8')).packages;
  // Optional packages of other platforms are in the lockfile only.
  return Object.entries(wanted).every(
    ([name, { version, optional }]) =>
      name === '' || present[name]?.version === version || (optional && !present[name]),
  );
}

/** Runs npm with its output shown only when it fails. */
function npm(/** @type {string[]} */ args) {
  const run = spawnSync(windows ? 'npm.cmd' : 'npm', args, {
    cwd: root,
    encoding: 'utf8',
    shell: windows,
    maxBuffer: 64 * 1024 * 1024,
    // onnxruntime-node would fetch GPU libraries from a site that may be out of reach; the CPU and WebGPU ones lie in the package.
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_loglevel: 'error' },
  });
  if (run.error)
    throw new Error(`npm could not be started: ${run.error.message}. Install Node.js 20 or newer with npm.`);
  if (run.status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${run.stdout}${run.stderr}`);
}

/** Major version of the Node binary at `file`, or 0 when it does not run. */
function majorOf(/** @type {string} */ file) {
  const run = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return run.status === 0 ? Number(/^v(\d+)/.exec(run.stdout)?.[1] ?? 0) : 0;
}

/** The `node` package's binary, which the lockfile pins. */
const pinnedNode = path.join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');

/** The path of a Node 24 or newer: the pinned one, else this one when it is new enough. */
function findNode() {
  if (majorOf(pinnedNode) >= 24) return pinnedNode;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return null;
}

/** Installs what is missing (nothing on a second start) and returns the path of Node 24. */
export function setup() {
  if (Number(process.versions.node.split('.')[0]) < 20)
    throw new Error(`Node ${process.versions.node} is too old: install Node.js 20 or newer.`);
  if (!isReady()) {
    say('Installing the packages of package-lock.json (about a minute the first time) ...');
    const started = Date.now();
    npm(['ci']);
    // npm may hold back install scripts that nobody approved; the pinned Node then has to be fetched by name.
    if (!findNode()) npm(['rebuild', 'node', '--ignore-scripts=false', '--foreground-scripts']);
    say(`Packages installed in ${Math.round((Date.now() - started) / 1000)} s.`);
  }
  const node = findNode();
  if (!node)
    throw new Error(
      'Node 24 is missing: node_modules/node has no binary for this machine. Install Node.js 24 and run this again.',
    );
  return node;
}

/** Runs the script `name` under Node 24 with this terminal, and ends as it ends. */
export function runUnderNode24(
  /** @type {string} */ name,
  /** @type {string[]} */ args,
  /** In a session of its own: signals reach it through this process. */ detached = false,
) {
  let node;
  try {
    node = setup();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
  const bin = path.join(root, 'node_modules', '.bin');
  const child = spawn(node, [path.join(root, name), ...args], {
    stdio: 'inherit',
    detached,
    // What the program starts (vite, vitest, tsc) must find the same Node first.
    env: {
      ...process.env,
      PATH: [path.dirname(node), bin, process.env.PATH ?? ''].join(path.delimiter),
      ONNXRUNTIME_NODE_INSTALL: 'skip',
      // Node's fetch looks at HTTP_PROXY and HTTPS_PROXY only when told to.
      NODE_USE_ENV_PROXY: '1',
    },
  });
  for (const signal of /** @type {NodeJS.Signals[]} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    say(`${node} could not be started: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 130 : 1)));
}
