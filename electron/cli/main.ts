// The lab from a shell: `lab COMMAND ...`. Results go to stdout, everything else to stderr.
import { enableCompileCache } from 'node:module';
import { LabError } from '../../shared/contract.ts';
import { LAB_VERSION, programPath } from '../engine/program.ts';
import { type Command, EXIT, flag, helpOf, parseCommand, UsageError } from './command.ts';

enableCompileCache(programPath('.cache/compile')); // halves the start; where it cannot write it does nothing

/** A command's file is read when it is asked for. */
const COMMANDS: { name: string; summary: string; load(): Promise<Command> }[] = [
  {
    name: 'compare',
    summary: 'Compares ways of adapting models on a folder of images, from 1 label per class on.',
    load: async () => (await import('./commands/compare.ts')).compare,
  },
  {
    name: 'finetune',
    summary: "Trains a model's own weights on a folder and saves it as a model.",
    load: async () => (await import('./commands/finetune.ts')).finetune,
  },
  {
    name: 'import',
    summary: 'Reads a folder of images (or a CSV/JSON list of path,label[,split]) and says what it found.',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'embed',
    summary: "Writes a folder's features as float32 .npy, with a .csv of path, sha256, label, split beside it.",
    load: async () => (await import('./commands/embed.ts')).embed,
  },
  {
    name: 'classify',
    summary: 'Sorts a folder into labels given as words (zero-shot), as CSV.',
    load: async () => (await import('./commands/classify.ts')).classify,
  },
  {
    name: 'search',
    summary: 'Finds the images of a folder nearest to a text or to an image.',
    load: async () => (await import('./commands/search.ts')).search,
  },
  {
    name: 'models',
    summary: 'Lists models; adds, downloads or removes one.',
    load: async () => (await import('./commands/models.ts')).models,
  },
  {
    name: 'doctor',
    summary: 'Checks the runtime, devices, folders, models and versions.',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'serve',
    summary: 'Serves the lab to a browser on this machine, at a loopback address with a secret in it.',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
];

const help =
  () => `Fewshot Lab ${LAB_VERSION}: which way of adapting a pretrained model works best on your images, and how many labels it takes.

${COMMANDS.map(({ name, summary }) => `  lab ${name.padEnd(10)} ${summary}`).join('\n')}

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
  const entry = COMMANDS.find((candidate) => candidate.name === name);
  if (!entry)
    throw new UsageError(`There is no command "${name}". There are: ${COMMANDS.map((one) => one.name).join(', ')}.`);
  const command = await entry.load();
  const { positionals, values } = parseCommand(entry.name, command, args);
  if (flag(values, 'help')) {
    process.stdout.write(helpOf(entry, command));
    return EXIT.ok;
  }
  return command.run(positionals, values);
}

// `lab ... | head` ends the reader first; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) =>
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed),
);

// npm runs scripts in the project's folder; paths on the command line are meant from where the user stands.
if (process.env.npm_lifecycle_event === 'lab' && process.env.INIT_CWD) process.chdir(process.env.INIT_CWD);

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

// Whatever a library left running must not keep the shell waiting; what was printed waits for its reader, however slow it is.
process.stdout.write('', () => setTimeout(() => process.exit(), 3000).unref());
