// `lab import`: reads a folder or a list into the data folder and says what it found.
import { problemPage } from '../../engine/datasets/items.ts';
import { type Command, EXIT, flag, only } from '../command.ts';
import { openDataset } from '../datasets.ts';
import { withLab } from '../session.ts';

const MOST_SHOWN = 20;

export const importCommand: Command = {
  usage: 'DIR | LIST.csv | LIST.json',
  help: `  --verify            wait for the full decode, which finds files that are cut short or damaged inside
  --json              print {items, classes, classNames, problems: [{path, reason}], files, seconds, dataset} on stdout
`,
  examples: ['import ~/flowers', 'import ~/flowers --verify --json'],
  options: { verify: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(positionals, values) {
    const source = only(positionals, 'The folder', 'import');
    return withLab(values, async (session) => {
      const { client, progress, running } = session;
      const start = performance.now();
      let dataset = await openDataset(session, { source }, { mayBeEmpty: true });
      if (flag(values, 'verify')) {
        await verified(session, dataset.id);
        dataset = await client.call('dataset.get', { id: dataset.id });
      }
      const seconds = Math.round(performance.now() - start) / 1000;
      // not by the call that the screens page with: here all of them are wanted
      const { problems } = problemPage(running.engine.db, dataset.id, Number.MAX_SAFE_INTEGER);
      const { items, files, classes, name, id, path } = dataset;
      progress.clear();
      if (flag(values, 'json')) {
        const found = {
          items,
          classes: classes.length,
          classNames: classes.map((one) => one.name),
          problems,
          files,
          seconds,
          dataset: { id, name, path },
        };
        process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
        return EXIT.ok;
      }
      const lines = [
        `${name}: ${items} of ${files} files are usable images, ${classes.length} classes, ${seconds.toFixed(1)} s`,
      ];
      for (const one of classes)
        lines.push(
          `  ${one.name}: ${one.train} train, ${one.val} val, ${one.test} test${one.unsplit ? `, ${one.unsplit} in no split` : ''}`,
        );
      if (dataset.duplicates)
        lines.push(
          `${dataset.duplicates} files whose content is also elsewhere, ${dataset.leaks} of the test also in train, ${dataset.conflicts} contents with two labels`,
        );
      if (dataset.problems) lines.push(`${dataset.problems} with a problem:`);
      for (const problem of problems.slice(0, MOST_SHOWN)) lines.push(`  ${problem.path}: ${problem.reason}`);
      if (problems.length > MOST_SHOWN) lines.push(`  and ${dataset.problems - MOST_SHOWN} more (--json lists them)`);
      process.stdout.write(`${lines.join('\n')}\n`);
      return EXIT.ok;
    });
  },
};

/** The import leaves a background job that decodes every file; waits for its end. */
async function verified(
  { client, wait }: Parameters<Parameters<typeof withLab>[1]>[0],
  datasetId: number,
): Promise<void> {
  for (const job of await client.call('job.list', { limit: 1000 })) {
    const own = (job.params as { datasetId?: number }).datasetId === datasetId;
    if (job.kind !== 'verify' || !own || job.status === 'done') continue;
    await wait(
      job.status === 'queued' || job.status === 'running' ? job : await client.call('job.resume', { id: job.id }),
    );
  }
}
