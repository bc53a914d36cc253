// `lab serve`: the same lab in a browser, from this machine's loopback address.
import type { Command } from '../command.ts';
import { flag, none, text, texts } from '../command.ts';

export const serve: Command = {
  usage: '[--port N] [--open]',
  help: `  --port N            a fixed port (default: any free one)
  --open              open the address in the default browser
`,
  examples: ['serve --open', 'serve --port 8123 --data-dir ~/lab-data'],
  options: { port: { type: 'string' }, open: { type: 'boolean' } },
  async run(positionals, values) {
    none(positionals, 'serve');
    // The server is a program of its own that reads the command line.
    const port = text(values, 'port');
    const dataDir = text(values, 'data-dir');
    process.argv.splice(
      2,
      process.argv.length,
      ...(port === undefined ? [] : ['--port', port]),
      ...(dataDir === undefined ? [] : ['--data-dir', dataDir]),
      ...texts(values, 'models-dir').flatMap((dir) => ['--models-dir', dir]),
      ...(flag(values, 'open') ? ['--open'] : []),
    );
    await import('../../server/main.ts');
    return new Promise<never>(() => {}); // it ends the process itself
  },
};
