// `npm test`: every tier in order, with a table of what ran, what each proved, and what was skipped and why.
// `npm run check` is its beginning: types, lint, unit and engine tests.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { bundleIfStale } from './bundle.ts';
import { DISPLAY, ELECTRON, provide, provideChromium } from './debian.ts';
import { hasDisplay, provideDisplay } from './display.ts';
import { type ElectronBinary, findElectron } from './electron.ts';
import { pack } from './pack.ts';
import { ROOT } from './root.ts';

type Outcome = {
  tests: number | null;
  failed: boolean;
  skips: string[];
  failures: string[];
  /** What is to be looked into, though nothing failed. */
  notes?: string[];
};
type Tier = {
  name: string;
  proves: string;
  /** Why it cannot run here, or null. Gets what it needs where it may. */
  prepare?(): Promise<string | null> | string | null;
  run(): Promise<Outcome>;
};
type Row = {
  name: string;
  result: 'passed' | 'FAILED' | 'skipped';
  tests: string;
  seconds: string;
  proves: string;
  skips: string[];
  failures: string[];
  notes?: string[];
};

const reports = path.join(ROOT, 'test-results', 'reports');

/** Runs a program of node_modules under this Node, its output shown; resolves with its exit code. `log` gets what it writes to stderr. */
function tool(entry: string, args: string[], env: Record<string, string> = {}, log?: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(ROOT, 'node_modules', entry), ...args], {
      cwd: ROOT,
      stdio: ['inherit', 'inherit', log ? 'pipe' : 'inherit'],
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...env },
    });
    child.stderr?.pipe(process.stderr, { end: false });
    if (log) child.stderr?.pipe(createWriteStream(log));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
    child.on('error', () => resolve(1));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

const plain = (entry: string, args: string[]) => async (): Promise<Outcome> => ({
  tests: null,
  failed: (await tool(entry, args)) !== 0,
  skips: [],
  failures: [],
});

/** The first lines of an error, without its stack and colours. */
const brief = (message: string) =>
  stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() && !/^\s+at /.test(line))
    .slice(0, 8)
    .join('\n    ');

const lastLines = (file: string, count: number) =>
  stripVTControlCharacters(readFileSync(file, 'utf8'))
    .split('\n')
    .filter((line) => line.trim())
    .slice(-count);

/** `died`: files whose process ended before its tests did, as a fault in the runtime or an addon makes it. `said`: the end of stderr. */
type UnitRun = Outcome & { died: string[]; said: string[] };

async function vitestOn(files: string[]): Promise<UnitRun> {
  const file = path.join(reports, `vitest${files.length > 0 ? '-again' : ''}.json`);
  const log = file.replace('.json', '.stderr.log');
  const args = ['run', '--config', 'tests/vitest.config.ts', '--reporter=default', '--reporter=json'];
  const code = await tool('vitest/vitest.mjs', [...args, `--outputFile.json=${file}`, ...files], {}, log);
  const failed = code !== 0;
  if (!existsSync(file)) return { tests: null, failed, skips: [], failures: lastLines(log, 60), died: [], said: [] };
  type Test = { status: string; fullName: string; failureMessages: string[] };
  type Report = { numPassedTests: number; testResults: { name: string; message: string; assertionResults: Test[] }[] };
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  const named = (status: string) =>
    report.testResults.flatMap(({ assertionResults }) => assertionResults.filter((each) => each.status === status));
  const failures = [
    ...report.testResults.filter(({ message }) => message).map(({ name, message }) => `${name}: ${brief(message)}`),
    ...named('failed').map((each) => `${each.fullName}: ${brief(each.failureMessages.join('\n'))}`),
  ];
  const lost = named('pending');
  const died = report.testResults.filter((each) => each.assertionResults.some((test) => lost.includes(test)));
  return {
    tests: report.numPassedTests,
    failed,
    skips: named('skipped').map((each) => each.fullName),
    failures,
    died: died.map(({ name }) => path.relative(ROOT, name)),
    said:
      lost.length > 0 ? [`Did not finish: ${lost.map((test) => test.fullName).join('; ')}`, ...lastLines(log, 60)] : [],
  };
}

/** A single file whose process died is run once more; that it did, and what it said, is reported whatever comes of it. */
async function vitest(): Promise<Outcome> {
  const { died, said, ...run } = await vitestOn([]);
  if (died.length !== 1 || run.failures.length > 0) return { ...run, failures: [...run.failures, ...said] };
  const again = await vitestOn(died);
  const notes = [`The process of ${died[0]} died and it was run once more. It had said:`, ...said];
  if (again.failed) return { ...run, failures: [...notes, ...again.failures, ...again.said] };
  return { ...run, failed: false, notes };
}

async function playwright(project: string): Promise<Outcome> {
  const file = path.join(reports, `${project}.json`);
  const code = await tool(
    '@playwright/test/cli.js',
    ['test', '-c', 'tests/e2e/playwright.config.ts', `--project=${project}`],
    { LAB_E2E_REPORT: file },
  );
  if (!existsSync(file)) return { tests: null, failed: true, skips: [], failures: [] };
  type Test = {
    status: string;
    annotations: { description?: string }[];
    results: { error?: { message?: string } }[];
  };
  type Suite = { specs: { title: string; tests: Test[] }[]; suites?: Suite[] };
  const { stats, suites } = JSON.parse(readFileSync(file, 'utf8')) as { stats: { expected: number }; suites: Suite[] };
  const specs = (suite: Suite): Suite['specs'] => [...suite.specs, ...(suite.suites ?? []).flatMap(specs)];
  const skipped = suites.flatMap(specs).flatMap((spec) =>
    spec.tests
      // Those left out because one before them failed carry no reason; the failure is reported already.
      .filter((each) => each.status === 'skipped' && each.annotations.length > 0)
      .map((each) => [spec.title, ...each.annotations.map((note) => note.description)].filter(Boolean).join(': ')),
  );
  const failures = suites
    .flatMap(specs)
    .flatMap((spec) =>
      spec.tests
        .filter((each) => each.status === 'unexpected')
        .map((each) => `${spec.title}: ${brief(each.results.at(-1)?.error?.message ?? 'did not finish')}`),
    );
  return { tests: stats.expected, failed: code !== 0, skips: skipped, failures };
}

let electron: ElectronBinary | { missing: string } | null = null;

/** A display, Electron's libraries and Electron itself; or why not. */
async function prepareElectron(): Promise<string | null> {
  const lacking = provide([...ELECTRON, ...(hasDisplay() ? [] : DISPLAY)]);
  if (lacking) return lacking;
  try {
    await provideDisplay();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  electron ??= await findElectron();
  return 'missing' in electron ? electron.missing : null;
}

const electronTier = (project: string, name: string, proves: string): Tier => ({
  name,
  proves,
  prepare: prepareElectron,
  run: () => playwright(project),
});

const CHECK: Tier[] = [
  { name: 'types', proves: 'every file compiles, strictly', run: plain('typescript/bin/tsc', ['-p', '.']) },
  { name: 'lint', proves: 'lint and format', run: plain('@biomejs/biome/bin/biome', ['check', '--error-on-warnings']) },
  { name: 'unit and engine', proves: 'functions and the engine, on real SQLite, ONNX Runtime and files', run: vitest },
];

const DRIVEN: Tier[] = [
  {
    name: 'browser',
    proves: 'the whole lab in Chromium from the loopback server',
    prepare: provideChromium,
    run: () => playwright('browser'),
  },
  electronTier('electron', 'Electron', 'the same in the real window; with Electron 33 the engine runs under Node 24'),
  electronTier('utility', 'utilityProcess', 'the engine as a utilityProcess: ports handed over, death, return'),
  {
    name: 'packed',
    proves: 'the packed app with its fuses set, driven over its debugging port',
    prepare: prepareElectron,
    async run() {
      await pack();
      return playwright('packed');
    },
  },
];

async function attempt(tier: Tier): Promise<Row> {
  process.stderr.write(`\n== ${tier.name}\n`);
  const started = performance.now();
  const seconds = () => ((performance.now() - started) / 1000).toFixed(0);
  const base = { name: tier.name, tests: '', seconds: '', proves: tier.proves, skips: [], failures: [] };
  try {
    const reason = (await tier.prepare?.()) ?? null;
    if (reason) {
      process.stderr.write(`Skipped: ${reason}\n`);
      return { ...base, result: 'skipped', proves: reason };
    }
    const { tests, failed, ...told } = await tier.run();
    return {
      ...base,
      result: failed ? 'FAILED' : 'passed',
      tests: tests === null ? '' : String(tests),
      seconds: seconds(),
      ...told,
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return { ...base, result: 'FAILED', seconds: seconds(), failures: [String(error)] };
  }
}

function print(rows: Row[], seconds: number): void {
  const line = (cells: string[]) =>
    `${cells[0]!.padEnd(16)} ${cells[1]!.padEnd(8)} ${cells[2]!.padStart(6)} ${cells[3]!.padStart(5)}  ${cells[4]}\n`;
  let text = `\n${line(['tier', 'result', 'tests', 's', 'what it proves, or why it was skipped'])}`;
  for (const { name, result, tests, seconds: spent, proves } of rows)
    text += line([name, result, tests, spent, proves]);
  text += `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s in all.\n`;
  for (const { name, skips } of rows)
    if (skips.length > 0)
      text += `\nSkipped in ${name}, each named with what it lacks:\n${skips.map((skip) => `  ${skip}\n`).join('')}`;
  for (const { name, notes } of rows)
    if (notes) text += `\nTo look into, ${name}:\n${notes.map((each) => `  ${each}\n`).join('')}`;
  for (const { name, failures } of rows)
    if (failures.length > 0) text += `\nFailed in ${name}:\n${failures.map((each) => `  ${each}\n`).join('')}`;
  process.stdout.write(text);
}

/** `npm test -- browser packed`: only the tiers whose names begin so; `check` stands for the first three. */
const asked = process.argv.slice(2).map((arg) => arg.toLowerCase());
const wanted = (tier: Tier) => asked.length === 0 || asked.some((name) => tier.name.toLowerCase().startsWith(name));
const first = asked.includes('check') ? CHECK : CHECK.filter(wanted);
const driven = DRIVEN.filter(wanted);

const started = performance.now();
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const rows: Row[] = [];
for (const tier of first) rows.push(await attempt(tier));
try {
  if (driven.length > 0) await bundleIfStale();
  for (const tier of driven) rows.push(await attempt(tier));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const failures = [error instanceof Error ? error.message : String(error)];
  rows.push({
    name: 'build',
    result: 'FAILED',
    tests: '',
    seconds: '',
    proves: 'the bundles of dist/',
    skips: [],
    failures,
  });
}
print(rows, (performance.now() - started) / 1000);
process.exit(rows.some((row) => row.result === 'FAILED') ? 1 : 0);
