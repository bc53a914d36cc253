// What takes space and where: the data folder, the caches, the datasets on the list, the logs.
import { useState } from 'react';
import type { AppInfo, CacheInfo, Dataset } from '../../shared/contract.ts';
import { openLogs } from '../host.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Note } from '../ui/controls.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { bytes, count, plural } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { Section } from './SettingsScreen.tsx';

const CACHES: Record<CacheInfo['id'], { name: string; keys: string; about: string }> = {
  thumbnails: { name: 'Thumbnails', keys: 'T', about: 'made again when they are looked at' },
  features: { name: 'Features', keys: 'F', about: 'made again by the next comparison' },
};

/** Their places, while nothing is known of them. */
const COMING: CacheInfo[] = (['thumbnails', 'features'] as const).map((id) => ({ id, entries: 0, bytes: 0 }));

const isEmpty = (cache: CacheInfo): boolean => cache.entries === 0 && cache.bytes === 0;

export function Storage({ info }: { info: AppInfo }) {
  return (
    <Section title="Data">
      <dl className="facts">
        <dt>Data folder</dt>
        <dd className="path selectable">{info.dataDir}</dd>
        {info.modelsDirs.length > 0 && <dt>Models</dt>}
        {info.modelsDirs.length > 0 && <dd className="path selectable">{info.modelsDirs.join('\n')}</dd>}
      </dl>
      <p className="muted small">Another place: start the lab with --data-dir, or set LAB_DATA_DIR.</p>
      <Caches />
      <Datasets />
      <Logs info={info} />
    </Section>
  );
}

function Caches() {
  const caches = useCall('cache.list', {}, { every: 10_000 });
  const [asked, setAsked] = useState<CacheInfo | null>(null);
  const clear = useMutationCall('cache.clear', () => {
    setAsked(null);
    void caches.refetch();
  });
  useKeys(
    (caches.data ?? []).map((cache) => ({
      keys: CACHES[cache.id].keys,
      label: `Clear the ${CACHES[cache.id].name.toLowerCase()}`,
      group: 'Settings',
      disabled: isEmpty(cache),
      run: () => setAsked(cache),
    })),
  );
  return (
    <>
      <ErrorNote error={caches.error} />
      <table className="table" aria-label="Caches">
        <thead>
          <tr>
            <th>cache</th>
            <th className="n">size</th>
            <th className="n">entries</th>
            <th aria-label="clear" />
          </tr>
        </thead>
        <tbody>
          {(caches.data ?? COMING).map((cache) => (
            <tr key={cache.id}>
              <td>
                {CACHES[cache.id].name} <span className="muted small">{CACHES[cache.id].about}</span>
              </td>
              <td className="n">{caches.data ? bytes(cache.bytes) : '–'}</td>
              <td className="n">{caches.data ? count(cache.entries) : '–'}</td>
              <td className="n">
                <Button
                  size="small"
                  keys={CACHES[cache.id].keys}
                  disabled={isEmpty(cache)}
                  aria-label={`Clear ${CACHES[cache.id].name}`}
                  onClick={() => setAsked(cache)}
                >
                  Clear
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {asked && (
        <Confirm
          open
          onClose={() => setAsked(null)}
          title={`Clear the ${CACHES[asked.id].name.toLowerCase()}?`}
          action={`Clear ${bytes(asked.bytes)}`}
          busy={clear.busy}
          error={clear.error}
          onConfirm={() => clear.run({ id: asked.id })}
        >
          <p>
            {plural(asked.entries, 'entry', 'entries')}, {CACHES[asked.id].about}. Nothing is lost but time.
          </p>
        </Confirm>
      )}
    </>
  );
}

function Datasets() {
  const datasets = useCall('dataset.list', {}).data ?? [];
  const [asked, setAsked] = useState<Dataset | null>(null);
  const remove = useMutationCall('dataset.delete', () => setAsked(null));
  // There is no chosen row here: the key is that of the row with the focus. Not in the palette, where it would come before the dataset.
  useKeys([{ keys: 'Delete', label: 'Delete the dataset of the row', group: 'Settings', told: true, run: () => {} }]);
  if (datasets.length === 0) return null;
  return (
    <>
      <table className="table" aria-label="Datasets">
        <thead>
          <tr>
            <th>dataset</th>
            <th className="n">images</th>
            <th aria-label="delete" />
          </tr>
        </thead>
        <tbody>
          {datasets.map((each) => (
            <tr key={each.id}>
              <td>{each.name}</td>
              <td className="n">{count(each.items)}</td>
              <td className="n">
                <Button
                  size="small"
                  kind="danger"
                  keys="Delete"
                  aria-label={`Delete ${each.name}`}
                  onClick={() => setAsked(each)}
                  onKeyDown={(event) => event.key === 'Delete' && setAsked(each)}
                >
                  Delete
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {asked && (
        <Confirm
          open
          onClose={() => setAsked(null)}
          title={`Take ${asked.name} off the list?`}
          action="Take it off the list"
          danger
          busy={remove.busy}
          error={remove.error}
          onConfirm={() => remove.run({ id: asked.id })}
        >
          <p>
            <b>The files stay</b> in <span className="path">{asked.path}</span>. The lab forgets their list and their
            split; finished comparisons stay.
          </p>
        </Confirm>
      )}
    </>
  );
}

function Logs({ info }: { info: AppInfo }) {
  const [path, setPath] = useState(false);
  return (
    <>
      <div className="row">
        <Button onClick={() => void openLogs().then((opened) => setPath(!opened))}>Open the logs</Button>
        <span className="path muted clip">{info.logFile}</span>
      </div>
      {path && (
        <Note kind="plain">
          A browser cannot open a file of this machine. The log is{' '}
          <span className="path selectable">{info.logFile}</span>.
        </Note>
      )}
    </>
  );
}
