// Importing from wherever the user is: choose, import, show it; and, at first start, compare as soon as it is in.
import { useState } from 'react';
import { pickFile, pickFolder } from '../host.ts';
import { call, whenEnded } from '../lab.ts';
import { go } from './navigation.ts';

export type ImportOptions = {
  /** What to choose when no `path` is given. */
  what?: 'folder' | 'list';
  path?: string;
  /** Said in the in-app folder browser: why it opened. */
  why?: string | null;
  /** Start a comparison with the defaults when the import has ended, and go there. */
  thenCompare?: boolean;
};

const LIST = { name: 'Lists of path,label[,split]', extensions: ['csv', 'tsv', 'json'] };

function choose({ what = 'folder', why = null }: ImportOptions): Promise<string | null> {
  return what === 'list'
    ? pickFile('Choose a CSV or JSON list of path,label[,split]', LIST, why)
    : pickFolder('Choose a folder of images', why);
}

/** Imports and goes to Data while it runs. False: the user changed their mind. Throws the engine's sentence. */
export async function importData(options: ImportOptions): Promise<boolean> {
  const path = options.path ?? (await choose(options));
  if (path === null) return false;
  const { datasetId, job } = await call('dataset.import', { path });
  go('data', { datasetId });
  if (options.thenCompare) void compareWhenImported(datasetId, job.id);
  return true;
}

/** The backbone that is always there is the first to be compared; what the import could not read does not stop it. */
async function compareWhenImported(datasetId: number, jobId: number): Promise<void> {
  const job = await whenEnded(jobId);
  if (job.status !== 'done') return;
  const dataset = await call('dataset.get', { id: datasetId });
  if (dataset.classes.length < 2) return;
  try {
    const { comparisonId } = await call('compare.start', { datasetId, models: [{ id: 'hog' }] });
    go('compare', { comparisonId });
  } catch {
    // The form says what is missing, where it can be mended.
    go('compare', { datasetId, fresh: true });
  }
}

/** Why its button cannot be pressed meanwhile: one with a reason can be given the focus back when the choice is made. */
export const IMPORTING = 'A folder is being chosen or imported.';

/** An import for a button: `error` is shown where the button is. */
export function useImport() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  return {
    busy,
    error,
    clear: () => setError(null),
    start(options: ImportOptions = {}) {
      setBusy(true);
      setError(null);
      void importData(options)
        .catch(setError)
        .finally(() => setBusy(false));
    },
  };
}
