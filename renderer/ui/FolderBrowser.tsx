// The folder browser of the browser host: the engine's disk by clicks and keys, with a path field. Electron has its own dialog.
import { File, Folder, FolderUp } from 'lucide-react';
import { type KeyboardEvent, useState } from 'react';
import { type FolderRequest, folderRequest } from '../host.ts';
import { useCall } from '../lab.ts';
import { Button, ErrorNote, Note, TextField } from './controls.tsx';
import { DIALOG_FOCUS, Dialog } from './Dialog.tsx';
import { plural } from './format.ts';
import { useStore } from './store.ts';

export function FolderBrowser() {
  const request = useStore(folderRequest);
  return request && <Browser request={request} />;
}

function Browser({ request }: { request: FolderRequest }) {
  const [path, setPath] = useState<string | null>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const listing = useCall('folder.list', { path, files: request.files !== null }, { keep: true });
  // A path that does not exist says so over the last folder that did, which stays as it was.
  const [last, setLast] = useState(listing.data);
  if (listing.data && listing.data !== last) {
    setLast(listing.data);
    setTyped(null);
  }
  const here = last?.path ?? '';
  const choice = typed?.trim() || here;
  const refused = listing.error !== null && request.files === null && typed?.trim() === path;
  const open = (next: string) => {
    setTyped(null);
    setPath(next);
  };
  const entries = (last?.entries ?? []).filter(
    (entry) => entry.folder || request.files?.some((extension) => entry.name.toLowerCase().endsWith(`.${extension}`)),
  );
  return (
    <Dialog
      open
      wide
      title={request.title}
      onClose={() => request.answer(null)}
      foot={
        <>
          <span className="clip path muted">{choice}</span>
          <span className="spacer" />
          <Button onClick={() => request.answer(null)}>Cancel</Button>
          <Button kind="primary" disabled={choice === '' || refused} onClick={() => request.answer(choice)}>
            {typed?.trim() ? 'Use this path' : 'Use this folder'}
          </Button>
        </>
      }
    >
      {request.why && <Note kind="plain">{request.why}</Note>}
      <div className="row">
        <Button
          icon={<FolderUp size={14} />}
          disabled={!last?.parent}
          onClick={() => last?.parent && open(last.parent)}
        >
          Up
        </Button>
        <form
          className="row grow"
          onSubmit={(event) => {
            event.preventDefault();
            // It stays in the field until the folder is there.
            if (typed?.trim()) setPath(typed.trim());
          }}
        >
          <TextField
            label="Path"
            mono
            value={typed ?? here}
            onValue={setTyped}
            {...DIALOG_FOCUS}
            // The first listing writes into the field: what is pasted at that moment must not end up behind it.
            readOnly={listing.isPending}
          />
        </form>
      </div>
      <ErrorNote error={listing.error} />
      <div className="folders">
        <ul aria-label="Places" className="places">
          {(last?.places ?? []).map((each) => (
            <li key={each.path}>
              <button type="button" className="option" onClick={() => open(each.path)}>
                {each.name}
              </button>
            </li>
          ))}
        </ul>
        <ul aria-label={`In ${here}`} className="scroll entries" onKeyDown={moveByArrows}>
          {entries.map((entry) => (
            <li key={entry.path}>
              <button
                type="button"
                className="option"
                onClick={() => (entry.folder ? open(entry.path) : request.answer(entry.path))}
              >
                {entry.folder ? <Folder size={14} /> : <File size={14} />}
                <span className="clip">{entry.name}</span>
                <span className="spacer" />
                {entry.images !== null && entry.images > 0 && (
                  <span className="faint small num">{plural(entry.images, 'image')}</span>
                )}
              </button>
            </li>
          ))}
          {last && entries.length === 0 && <li className="muted pad">No folders here.</li>}
        </ul>
      </div>
    </Dialog>
  );
}

/** Up and down between the buttons of a list. */
export function moveByArrows(event: KeyboardEvent<HTMLElement>): void {
  const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
  if (step === 0) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('button:not([disabled])')];
  const next = buttons[buttons.indexOf(document.activeElement as HTMLElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
