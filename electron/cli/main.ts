// The lab from a shell: `lab COMMAND ...`. Results go to stdout, everything else to stderr.
import { LabError } from '../../shared/contract.ts';
import { LAB_VERSION } from '../engine/program.ts';
import { type Command, EXIT, flag, helpOf, parseCommand, UsageError } from './command.ts';
import { classify } from './commands/classify.ts';
import { compare } from './commands/compare.ts';
import { doctor } from './commands/doctor.ts';
import { embed } from './commands/embed.ts';
import { importCommand } from './commands/import.ts';
import { models } from './commands/models.ts';
import { search } from './commands/search.ts';
import { serve } from './commands/serve.ts';

const COMMANDS: Command[] = [compare, importCommand, embed, classify, search, models, doctor, serve];

const help =
  () => `Fewshot Lab ${LAB_VERSION}: which way of adapting a pretrained model works best on your images, and how many labels it takes.

${COMMANDS.map((command) => `  lab ${command.name.padEnd(10)} ${command.summary}`).join('\n')}

  lab COMMAND --help   what a command takes, with examples
  lab --version

A first look: npm run -s lab -- compare demo
`;

async function run([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help());
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${LAB_VERSION}\n`);
    return EXIT.ok;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command)
    throw new UsageError(`There is no command "${name}". There are: ${COMMANDS.map((one) => one.name).join(', ')}.`);
  const { positionals, values } = parseCommand(command, args);
  if (flag(values, 'help')) {
    process.stdout.write(helpOf(command));
    return EXIT.ok;
  }
  return command.run(positionals, values);
}

// `lab ... | head` ends the reader first; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed),
);

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT.usage;
  } else if (error instanceof LabError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.code === 'cancelled' ? EXIT.cancelled : EXIT.failed;
  } else {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exitCode = EXIT.failed;
  }
}

// Whatever a library left running must not keep the shell waiting.
setTimeout(() => process.exit(), 3000).unref();
