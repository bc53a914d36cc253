// `npm run bench -- NAME ...`: runs tests/bench/NAME.ts. A bench exports `usage` (one line) and `run(args)`.
import { readdirSync, readFileSync } from 'node:fs';

export type Bench = { usage: string; run(args: string[]): Promise<void> };

const source = (name: string) => readFileSync(new URL(`./${name}.ts`, import.meta.url), 'utf8');

const names = readdirSync(new URL('.', import.meta.url))
  .filter((file) => file.endsWith('.ts') && file !== 'run.ts')
  .map((file) => file.slice(0, -3))
  .filter((name) => /^export const usage\b/m.test(source(name)))
  .sort();

const load = async (name: string): Promise<Bench> => (await import(`./${name}.ts`)) as Bench;

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  const asked = name === undefined || name === '--help' || name === '-h';
  const lines = await Promise.all(names.map(async (n) => `  ${(await load(n)).usage}`));
  process.stderr.write(
    `${asked ? '' : `There is no bench "${name}".\n`}Usage: npm run bench -- NAME [options]\n${lines.join('\n')}\n`,
  );
  process.exitCode = asked ? 0 : 2;
} else {
  try {
    await (await load(name)).run(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
