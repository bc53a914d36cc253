// `lab doctor`: what the lab stands on here, each with what to do when it does not hold.
import { type Command, EXIT, flag, none } from '../command.ts';
import { withLab } from '../session.ts';

export const doctor: Command = {
  usage: '',
  help: `  --json              {info, providers, checks} on stdout

Exit code: 0 when every check holds, 1 otherwise.
`,
  examples: ['doctor', 'doctor --json'],
  options: { json: { type: 'boolean' } },
  async run(positionals, values) {
    none(positionals, 'doctor');
    return withLab(values, async ({ client }) => {
      const info = await client.call('app.info', {});
      const { checks } = await client.call('app.doctor', {});
      if (flag(values, 'json')) {
        const providers = await client.call('model.providers', {});
        process.stdout.write(`${JSON.stringify({ info, providers, checks }, null, 2)}\n`);
      } else {
        const width = Math.max(...checks.map((check) => check.name.length));
        const lines = checks.map((check) => `${check.ok ? 'ok' : 'NO'}  ${check.name.padEnd(width)}  ${check.detail}`);
        process.stdout.write(`${lines.join('\n')}\nlog  ${info.logFile}\n`);
      }
      return checks.every((check) => check.ok) ? EXIT.ok : EXIT.failed;
    });
  },
};
