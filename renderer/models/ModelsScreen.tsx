// Models: what is on this machine, what the catalog offers, and what the selected one can do.
import { FolderPlus } from 'lucide-react';
import { useState } from 'react';
import type { ModelInfo } from '../../shared/contract.ts';
import { pickFile, pickFolder } from '../host.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { trainable } from '../ui/applies.ts';
import { ErrorNote } from '../ui/controls.tsx';
import { Confirm } from '../ui/Dialog.tsx';
import { DropTarget } from '../ui/DropTarget.tsx';
import { bytes } from '../ui/format.ts';
import { useKeys } from '../ui/keys.ts';
import { go, stay, useParams } from '../ui/navigation.ts';
import { Screen } from '../ui/Screen.tsx';
import { Device, Forecast, ModelFacts } from './ModelDetails.tsx';
import { ModelTable } from './ModelTable.tsx';
import './models.css';
import { TryOut } from './TryOut.tsx';
import { grouped } from './words.ts';

const ZIP = { name: 'Zipped model folders', extensions: ['zip'] };
const IMAGE = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;

function notComparable(model: ModelInfo | undefined): string | false {
  if (!model) return 'Choose a model.';
  if (model.problem && !model.installed) return 'This folder cannot be used as it is.';
  if (!model.installed) return 'Download it first.';
  return model.family === 'text' ? 'It has no image side.' : false;
}

export function ModelsScreen() {
  const { modelId } = useParams('models');
  const list = useCall('model.list', {});
  const datasets = (useCall('dataset.list', {}).data ?? []).filter((each) => each.items > 0 && each.state === 'ready');
  const [removing, setRemoving] = useState(false);
  const [dropped, setDropped] = useState<string | null>(null);
  const add = useMutationCall('model.add', (model) => stay('models', { modelId: model.id }));
  const remove = useMutationCall('model.remove', () => {
    setRemoving(false);
    stay('models', {});
  });
  const { here, catalog } = grouped(list.data ?? []);
  const model =
    list.data?.find((each) => each.id === modelId) ??
    here.find((each) => each.pretrained && each.family !== 'text' && each.problem === null) ??
    here[0];
  const addFolder = (why: string | null = null) =>
    void pickFolder('Choose a model folder (config.json, onnx/…)', why).then((path) => path && add.run({ path }));
  const addZip = () => void pickFile('Choose a zip of a model folder', ZIP).then((path) => path && add.run({ path }));
  const select = (id: string) => stay('models', { modelId: id });
  const removable = model?.installed === true && model.source === 'app';
  const finetune = () => model && go('finetune', { fresh: true, model: model.id });
  useKeys([
    { keys: 'Ctrl+O', label: 'Add a model folder', group: 'Models', run: () => addFolder() },
    { keys: 'F', label: 'Fine-tune this', group: 'Models', disabled: !model || !trainable(model), run: finetune },
  ]);
  return (
    <Screen
      label="Models"
      crumbs={model ? [{ label: model.name }] : []}
      actions={[
        {
          label: 'Add a model',
          icon: <FolderPlus size={14} />,
          menu: [
            { label: 'A folder in the Hugging Face ONNX layout', keys: 'Ctrl+O', run: () => addFolder() },
            { label: 'A zip of one', run: addZip },
          ],
        },
        {
          label: 'Remove',
          keys: 'Delete',
          disabled: removable ? false : 'Only models that were added to the lab or downloaded can be removed.',
          run: () => setRemoving(true),
        },
        {
          label: 'Compare with this',
          keys: 'C',
          primary: true,
          disabled: notComparable(model),
          run: () => model && go('compare', { model: model.id, fresh: true }),
        },
      ]}
      panelWidth={330}
      panel={
        model && (
          <>
            <ModelFacts model={model} onFinetune={trainable(model) ? finetune : null} />
            {model.installed && model.family !== 'hog' && model.family !== 'text' && (
              <TryOut key={model.id} model={model} datasets={datasets} dropped={dropped} />
            )}
            {model.installed && model.family !== 'text' && datasets.length > 0 && (
              <Forecast key={`cost ${model.id}`} model={model} datasets={datasets} />
            )}
            <Device />
          </>
        )
      }
    >
      <DropTarget
        label="Drop a model folder or a zip of one to add it, or an image to try"
        onPaths={(paths) => {
          for (const path of paths) {
            if (IMAGE.test(path)) setDropped(path);
            else add.run({ path });
          }
        }}
        onNoPath={addFolder}
      />
      <ErrorNote error={list.error ?? add.error} onClose={add.reset} />
      {add.busy && <p className="muted">Copying the model into the lab's folder.</p>}
      <div className="scroll stack model-lists">
        {list.data && (
          <ModelTable
            title="On this machine"
            models={here}
            selected={model?.id}
            onSelect={select}
            empty="No model folders yet."
          />
        )}
        {list.data && (
          <ModelTable
            downloads
            title="In the catalog"
            models={catalog}
            selected={model?.id}
            onSelect={select}
            empty="Everything in the catalog is here already."
          />
        )}
        <p className="muted small">
          Nothing is downloaded unasked. Any folder in the Hugging Face ONNX layout works: add it here, drop it on the
          window, or start the lab with --models-dir.
        </p>
      </div>
      {model && (
        <Confirm
          open={removing}
          onClose={() => setRemoving(false)}
          title={`Remove ${model.name}?`}
          action={`Remove ${bytes(model.bytes)}`}
          danger
          busy={remove.busy}
          error={remove.error}
          onConfirm={() => remove.run({ id: model.id })}
        >
          <p>
            Its copy in <span className="path">{model.path}</span> is deleted. Finished comparisons stay; features
            already computed stay in the cache.
          </p>
        </Confirm>
      )}
    </Screen>
  );
}
