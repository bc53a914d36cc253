// A tiny engine's handlers for tests of what carries calls: a list of datasets, a refusal, a crash and a call that never ends.
import { type Dataset, type Handlers, LabError, type Settings, settingsShape } from '../../shared/contract.ts';

export function standInHandlers(): Handlers {
  let settings: Settings = settingsShape.parse({});
  const handlers: Partial<Handlers> = {
    'settings.get': () => settings,
    'settings.set': (changes) => {
      settings = { ...settings, ...changes };
      return settings;
    },
    'dataset.list': () => [],
    'dataset.get': ({ id }): Dataset => {
      throw new LabError('not-found', `There is no dataset ${id}.`);
    },
    'job.get': () => {
      throw new TypeError('boom');
    },
    'dataset.rename': () => new Promise<Dataset>(() => {}),
    'cache.clear': () => null,
  };
  // The calls left out are answered as unknown, which is tested too.
  return handlers as Handlers;
}
