// Ctrl K: go to anything by typing a part of its name: screens, datasets, models, comparisons, runs of fine-tuning, actions.
import { Autocomplete } from '@base-ui/react/autocomplete';
import { Dialog as BaseDialog } from '@base-ui/react/dialog';
import { useRef } from 'react';
import { useCall } from '../lab.ts';
import { Kbd } from './controls.tsx';
import { firstFocus, focusBefore } from './focus.ts';
import { when } from './format.ts';
import { useBindings } from './keys.ts';
import { METHODS } from './methods.ts';
import { go } from './navigation.ts';

type Entry = { id: string; label: string; note: string; keys?: string; run(): void };

export function Palette({ open, onClose }: { open: boolean; onClose(): void }) {
  const went = useRef(false);
  return (
    <BaseDialog.Root
      open={open}
      onOpenChange={(next) => {
        went.current = false;
        if (!next) onClose();
      }}
    >
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className="backdrop" />
        <BaseDialog.Popup
          className="dialog palette"
          aria-label="Go to anything"
          finalFocus={() => (went.current ? firstFocus() : focusBefore())}
        >
          <Choices
            onChosen={() => {
              went.current = true;
              onClose();
            }}
          />
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}

/** Only there while the palette is open: what can be gone to changes all the time, and a closed palette need not follow. */
function Choices({ onChosen }: { onChosen(): void }) {
  const entries = useEntries();
  return (
    <Autocomplete.Root
      open
      inline
      items={entries}
      autoHighlight="always"
      keepHighlight
      itemToStringValue={(entry: Entry) => `${entry.label} ${entry.note}`}
    >
      <Autocomplete.Input
        className="field"
        aria-label="Go to a screen, dataset, model, comparison or action"
        placeholder="Go to anything"
      />
      <Autocomplete.Empty className="muted">{'Nothing has that in its name.'}</Autocomplete.Empty>
      <Autocomplete.List className="palette-list scroll">
        {(entry: Entry) => (
          <Autocomplete.Item
            key={entry.id}
            value={entry}
            className="option"
            onClick={() => {
              onChosen();
              entry.run();
            }}
          >
            <span className="clip">{entry.label}</span>
            <span className="faint small nowrap">{entry.note}</span>
            <span className="spacer" />
            {entry.keys && <Kbd keys={entry.keys} />}
          </Autocomplete.Item>
        )}
      </Autocomplete.List>
    </Autocomplete.Root>
  );
}

function useEntries(): Entry[] {
  const bindings = useBindings().filter((each) => !each.told && !each.opens);
  const datasets = useCall('dataset.list', {}).data ?? [];
  const models = useCall('model.list', {}).data ?? [];
  const comparisons = useCall('compare.list', {}).data ?? [];
  const finetunes = useCall('finetune.list', {}).data ?? [];
  return [
    ...bindings.map(
      (each): Entry => ({
        id: `do ${each.group} ${each.label}`,
        label: each.label,
        note: each.group ?? '',
        run: each.run,
        ...(each.keys ? { keys: each.keys } : {}),
      }),
    ),
    ...datasets.map(
      (each): Entry => ({
        id: `d${each.id}`,
        label: each.name,
        note: 'dataset',
        run: () => go('data', { datasetId: each.id }),
      }),
    ),
    ...comparisons.map(
      (each): Entry => ({
        id: `c${each.id}`,
        label: `${each.datasetName} with ${each.models.join(', ')}`,
        note: `comparison, ${when(each.createdAt)}`,
        run: () => go('compare', { comparisonId: each.id }),
      }),
    ),
    ...finetunes.map(
      (each): Entry => ({
        id: `finetune ${each.id}`,
        label: `${METHODS[each.method].name} of ${each.model} on ${each.datasetName}`,
        note: `fine-tuning, run ${each.id}`,
        run: () => go('finetune', { finetuneId: each.id }),
      }),
    ),
    ...models.map(
      (each): Entry => ({
        id: `m${each.id}`,
        label: each.name,
        note: each.installed ? 'model' : 'model, not downloaded',
        run: () => go('models', { modelId: each.id }),
      }),
    ),
  ];
}
