// The questions Data asks: another name, another split, another place, and whether to take a dataset off the list.
import { useState } from 'react';
import type { Dataset } from '../../shared/contract.ts';
import { useMutationCall } from '../lab.ts';
import { Button, ErrorNote, Labelled, NumberField, Segments, TextField } from '../ui/controls.tsx';
import { Confirm, DIALOG_FOCUS, Dialog } from '../ui/Dialog.tsx';
import { plural } from '../ui/format.ts';

type Props = { dataset: Dataset; onClose(): void };

export function RenameDialog({ dataset, onClose }: Props) {
  const [name, setName] = useState(dataset.name);
  const rename = useMutationCall('dataset.rename', onClose);
  return (
    <Dialog
      open
      onClose={onClose}
      title="Rename the dataset"
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" form="rename" type="submit" disabled={rename.busy || name.trim() === ''}>
            Rename
          </Button>
        </>
      }
    >
      <form
        id="rename"
        onSubmit={(event) => {
          event.preventDefault();
          rename.run({ id: dataset.id, name: name.trim() });
        }}
      >
        <Labelled label="Name" hint="The folder keeps its own name.">
          <TextField
            label="Name"
            value={name}
            onValue={setName}
            {...DIALOG_FOCUS}
            onFocus={(event) => event.target.select()}
          />
        </Labelled>
      </form>
      <ErrorNote error={rename.error} />
    </Dialog>
  );
}

export function SplitDialog({ dataset, onClose }: Props) {
  const [mode, setMode] = useState<'folders' | 'stratified'>(
    dataset.splitSource === 'stratified' || dataset.splitSource === 'none' ? 'stratified' : 'folders',
  );
  const [seed, setSeed] = useState(dataset.splitSeed);
  const [test, setTest] = useState(Math.round(dataset.testFraction * 100));
  const split = useMutationCall('dataset.split', onClose);
  const apply = () =>
    split.run({ id: dataset.id, mode, ...(mode === 'stratified' ? { seed, testFraction: test / 100 } : {}) });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Split of ${dataset.name}`}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" disabled={split.busy} onClick={apply}>
            Use this split
          </Button>
        </>
      }
    >
      <Segments
        label="How to split"
        value={mode}
        options={[
          { value: 'stratified', label: 'Draw it per class' },
          { value: 'folders', label: 'As the folders or the list say' },
        ]}
        onValue={setMode}
      />
      {mode === 'stratified' ? (
        <div className="row split-form">
          <Labelled label="Test, % of each class">
            <NumberField label="Test, percent of each class" value={test} onValue={setTest} min={1} max={90} />
          </Labelled>
          <Labelled label="Seed" hint="The same seed gives the same split.">
            <NumberField label="Seed" value={seed} onValue={setSeed} min={0} />
          </Labelled>
        </div>
      ) : (
        <p className="muted">Folders named train, val and test at the top, or the split column of the list.</p>
      )}
      <p className="muted">Finished comparisons keep the split they were made with.</p>
      <ErrorNote error={split.error} />
    </Dialog>
  );
}

export function DeleteDialog({ dataset, onClose, onDeleted }: Props & { onDeleted(): void }) {
  const remove = useMutationCall('dataset.delete', onDeleted);
  return (
    <Confirm
      open
      onClose={onClose}
      title={`Take ${dataset.name} off the list?`}
      action="Take it off the list"
      danger
      busy={remove.busy}
      error={remove.error}
      onConfirm={() => remove.run({ id: dataset.id })}
    >
      <p>
        <b>The files stay.</b> All {plural(dataset.files, 'image')} remain in{' '}
        <span className="path">{dataset.path}</span>. The lab forgets their list and their split; finished comparisons
        stay.
      </p>
    </Confirm>
  );
}
