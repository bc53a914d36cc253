// Computing steps back before the window: started processes, and a server's whole session where it has one of its own.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import os from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { SERVES_PEOPLE, stepBack } from '../../../electron/engine/workers/priority.ts';

const LOWER = os.constants.priority.PRIORITY_BELOW_NORMAL;
const PRIORITY = JSON.stringify(new URL('../../../electron/engine/workers/priority.ts', import.meta.url).href);

/** What a program says, run by a Node of its own. */
async function printed(program: string, options: { detached?: boolean; env?: NodeJS.ProcessEnv }): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { ...options, stdio: 'pipe' });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await once(child, 'close');
  return said;
}

const before = process.env[SERVES_PEOPLE];
afterEach(() => {
  if (before === undefined) delete process.env[SERVES_PEOPLE];
  else process.env[SERVES_PEOPLE] = before;
});

test.skipIf(process.platform === 'win32')('a started process steps back only where people are served', async () => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' });
  try {
    delete process.env[SERVES_PEOPLE];
    stepBack(child.pid);
    expect(os.getPriority(child.pid)).toBe(os.getPriority());
    process.env[SERVES_PEOPLE] = '1';
    stepBack(child.pid);
    expect(os.getPriority(child.pid)).toBe(LOWER);
  } finally {
    child.kill();
    await once(child, 'exit');
  }
  stepBack(child.pid); // gone: nothing is thrown
});

test.skipIf(!existsSync('/proc/self/autogroup')).each([
  [true, 'steps back with all of it'],
  [false, 'leaves it as it is'], // where the kernel made no group for that session, its file is empty
])('a server in a session of its own (%s) %s', async (detached) => {
  const program = `import { readFileSync } from 'node:fs';
    import { stepBackFromBrowsers } from ${PRIORITY};
    const group = () => readFileSync('/proc/self/autogroup', 'utf8').trim();
    const before = group();
    stepBackFromBrowsers();
    process.stdout.write(JSON.stringify({ before, after: group() }));`;
  const { before, after } = JSON.parse(await printed(program, { detached })) as { before: string; after: string };
  expect(after).toBe(detached ? before.replace(/nice \d+$/, `nice ${LOWER}`) : before);
  if (detached && before) expect(after).toMatch(/ nice [1-9]/);
});

test.skipIf(process.platform !== 'linux')('the threads that decode and compile for the workers step back', async () => {
  const program = `import { readdirSync, readFileSync } from 'node:fs';
    import os from 'node:os';
    import { lowerHelpers } from ${PRIORITY};
    await lowerHelpers();
    const threads = readdirSync('/proc/self/task').map((id) => ({
      name: readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim(),
      nice: os.getPriority(Number(id)),
    }));
    process.stdout.write(JSON.stringify({ own: os.getPriority(), threads }));`;
  const said = await printed(program, { env: { ...process.env, [SERVES_PEOPLE]: '1' } });
  const { own, threads } = JSON.parse(said) as { own: number; threads: { name: string; nice: number }[] };
  expect(own).toBe(os.getPriority());
  for (const helper of ['libuv-worker', 'V8Worker']) {
    const nices = threads.filter(({ name }) => name === helper).map(({ nice }) => nice);
    expect(nices.length).toBeGreaterThan(0);
    expect(new Set(nices)).toEqual(new Set([LOWER]));
  }
});
