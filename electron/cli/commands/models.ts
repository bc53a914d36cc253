// `lab models`: what there is, adding one from a folder or zip, downloading one of the catalog, removing one.
import path from 'node:path';
import { type Command, EXIT, flag, UsageError } from '../command.ts';
import { align } from '../output.ts';
import { withLab } from '../session.ts';

export const models: Command = {
  usage: '[list | add FOLDER|ZIP | download ID | remove ID]',
  help: `  --json              the list (or the model that was added) on stdout as JSON

download is the only command that uses the network. A mirror, proxy and token are set under Settings in the window.
`,
  examples: [
    'models',
    'models add ~/Downloads/my-clip.zip',
    'models download clip-vit-base-patch32',
    'models remove my-clip',
  ],
  options: { json: { type: 'boolean' } },
  async run([action = 'list', target, ...more], values) {
    if (!['list', 'add', 'download', 'remove'].includes(action))
      throw new UsageError(`lab models ${action}: there are list, add, download and remove.`);
    if (action === 'list' ? target !== undefined : target === undefined || more.length > 0)
      throw new UsageError(
        action === 'list'
          ? `lab models list takes nothing more: ${target}.`
          : `lab models ${action} takes one ${action === 'add' ? 'folder or zip' : 'id'}.`,
      );
    return withLab(values, async ({ client, wait }) => {
      const tell = (words: string, value: unknown) =>
        process.stdout.write(flag(values, 'json') ? `${JSON.stringify(value, null, 2)}\n` : `${words}\n`);
      if (action === 'add') {
        const model = await client.call('model.add', { path: path.resolve(target!) });
        tell(`Added ${model.id} (${model.family}) in ${model.path}.`, model);
      } else if (action === 'download') {
        const job = await wait(await client.call('model.download', { id: target! }));
        tell(`Downloaded ${target}.`, job.result);
      } else if (action === 'remove') {
        await client.call('model.remove', { id: target! });
        tell(`Removed ${target}.`, { removed: target });
      } else {
        const all = await client.call('model.list', {});
        const rows = all.map((model) => [
          model.id,
          model.family,
          model.problem ? 'broken' : model.installed ? 'installed' : 'to download',
          size(model.bytes),
          model.licence ?? '',
          model.problem ?? model.goodFor ?? '',
        ]);
        tell(align([['id', 'kind', 'state', 'size', 'licence', ''], ...rows], 'left').join('\n'), all);
      }
      return EXIT.ok;
    });
  },
};

const size = (bytes: number) =>
  bytes === 0 ? '' : bytes < 1e9 ? `${Math.max(1, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
