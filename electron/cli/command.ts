// What a command of the shell has to say about itself. A new one is a file in commands/ and a line in main.ts.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';

export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;

export type Command = {
  /** After `lab NAME`. */
  usage: string;
  /** The options of its own, a line each, as --help shows them. */
  help: string;
  examples: string[];
  options: ParseArgsOptionsConfig;
  /** The exit code. Throws LabError (exit 1) and UsageError (exit 2). */
  run(positionals: string[], values: Values): Promise<number>;
};

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {}

export const EXIT = { ok: 0, failed: 1, usage: 2, incomplete: 3, cancelled: 130 } as const;

/** Understood by every command that opens the lab. */
export const COMMON_OPTIONS = {
  'data-dir': { type: 'string' },
  'models-dir': { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig;

const COMMON_HELP = `  --data-dir DIR      where the lab keeps its data (also LAB_DATA_DIR)
  --models-dir DIR    a folder of models, looked in first; may be given several times (also LAB_MODELS_DIR)
  -h, --help          this text`;

export function helpOf({ name, summary }: { name: string; summary: string }, command: Command): string {
  const examples = command.examples.map((example) => `  npm run -s lab -- ${example}`).join('\n');
  const own = command.help ? `${command.help}\n` : '';
  return `lab ${name} ${command.usage}\n\n${summary}\n\n${own}${COMMON_HELP}\n\nExamples\n${examples}\n`;
}

export function parseCommand(
  name: string,
  command: Command,
  args: string[],
): { positionals: string[]; values: Values } {
  const { positionals, values } = parsed(name, command, args);
  // as an unset variable of a shell leaves it: as a folder it would mean the one where the shell stands
  const empty = Object.entries(values).find(([, value]) => [value].flat().includes(''));
  if (empty) throw new UsageError(`--${empty[0]} is given without a value.`);
  return { positionals, values };
}

function parsed(name: string, command: Command, args: string[]): { positionals: string[]; values: Values } {
  try {
    const { positionals, values } = parseArgs({
      args,
      options: { ...COMMON_OPTIONS, ...command.options },
      allowPositionals: true,
    });
    return { positionals, values: values as Values };
  } catch (error) {
    // Node's sentence names the option; its second one explains how to pass a positional that begins with a dash.
    const [sentence] = (error as Error).message.split('. ');
    throw new UsageError(`${sentence!.replace(/\.?$/, '.')} See: lab ${name} --help`);
  }
}

// ---------------------------------------------------------------- reading values

export const text = (values: Values, name: string): string | undefined => values[name] as string | undefined;
export const texts = (values: Values, name: string): string[] => (values[name] as string[] | undefined) ?? [];
export const flag = (values: Values, name: string): boolean => values[name] === true;

/** A whole number from `least` to `most`; undefined when it is not given. */
export function whole(values: Values, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
  const option = name.length === 1 ? `-${name}` : `--${name}`;
  const given = text(values, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!Number.isInteger(value) || value < least || value > most) {
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
    throw new UsageError(`${option} ${given}: a whole number ${range} is needed.`);
  }
  return value;
}

/** More than 0 and less than 1 (or 1 too, where `one` says so). */
export function fraction(values: Values, name: string, one = false): number | undefined {
  const given = text(values, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!(value > 0 && (value < 1 || (one && value === 1))))
    throw new UsageError(`--${name} ${given}: a number between 0 and 1 is needed, such as 0.2.`);
  return value;
}

/** Comma-separated, without empty parts. */
export const list = (given: string): string[] =>
  given
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** For commands without positionals. */
export function none(positionals: string[], command: string): void {
  if (positionals.length > 0)
    throw new UsageError(
      `lab ${command} takes no words: ${positionals.join(' ')} is too much. See: lab ${command} --help`,
    );
}

/** The only positional; `what` names it in the sentence. */
export function only(positionals: string[], what: string, command: string): string {
  const [first, ...more] = positionals;
  if (first === undefined) throw new UsageError(`${what} is missing. See: lab ${command} --help`);
  if (more.length > 0)
    throw new UsageError(
      `Only one ${what.replace(/^The /, '')} is taken: ${more.join(' ')} is too much. See: lab ${command} --help`,
    );
  return first;
}
