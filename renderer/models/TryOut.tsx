// A try-out: one image, the model's own classes or your labels, and the probabilities with the time they took.
import { ImagePlus, Shuffle } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { Dataset, Item, ModelInfo } from '../../shared/contract.ts';
import { pickFile } from '../host.ts';
import { useCall, useMutationCall } from '../lab.ts';
import { Button, ErrorNote, IconButton, Labelled, Select, TextArea } from '../ui/controls.tsx';
import { baseName, milliseconds, percent } from '../ui/format.ts';
import { Thumb } from '../ui/Thumb.tsx';
import { parseLabels, ranked } from './words.ts';

const IMAGES = { name: 'Images', extensions: ['jpg', 'jpeg', 'png', 'webp', 'gif', 'tif', 'tiff', 'avif', 'bmp'] };
const SHOWN = 10;

export function TryOut({
  model,
  datasets,
  dropped,
}: {
  model: ModelInfo;
  datasets: Dataset[];
  dropped: string | null;
}) {
  const [datasetId, setDatasetId] = useState(datasets[0]?.id ?? 0);
  const dataset = datasets.find((each) => each.id === datasetId) ?? datasets[0];
  const [typed, setTyped] = useState<string | null>(null);
  const [image, setImage] = useState<{ itemId: number; item: Item } | { path: string } | null>(null);
  const attempt = useMutationCall('model.try');
  const labels = parseLabels(typed ?? dataset?.classes.map((each) => each.name.replace(/[_-]/g, ' ')).join(', ') ?? '');
  const { ask } = attempt;
  const wants = model.hasText ? labels : [];
  const labelKey = wants.join('\n');
  useEffect(() => {
    if (dropped) setImage({ path: dropped });
  }, [dropped]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the labels are told by their joined text; `ask` is stable enough.
  useEffect(() => {
    if (!image || (model.hasText && wants.length < 2)) return;
    const timer = setTimeout(
      () =>
        ask({
          id: model.id,
          labels: wants,
          ...('path' in image ? { path: image.path } : { itemId: image.itemId }),
        }).catch(() => {}),
      250,
    );
    return () => clearTimeout(timer);
  }, [image, model.id, labelKey]);

  return (
    <section className="pane pad stack" aria-label="Try-out">
      <h3>Try it on one image</h3>
      {dataset && (
        <Pictures
          dataset={dataset}
          datasets={datasets}
          chosen={image && 'itemId' in image ? image.itemId : null}
          onDataset={setDatasetId}
          onItem={(item) => setImage({ itemId: item.id, item })}
        />
      )}
      <div className="row">
        <Button
          size="small"
          icon={<ImagePlus size={14} />}
          onClick={() => void pickFile('Choose an image', IMAGES).then((path) => path && setImage({ path }))}
        >
          Another image
        </Button>
        <span className="muted small clip">
          {image &&
            ('path' in image
              ? baseName(image.path)
              : `${baseName(image.item.path)} (${image.item.label ?? 'no label'})`)}
        </span>
      </div>
      {model.hasText && (
        <Labelled label="Labels" hint="Any words, with commas between; they become captions.">
          <TextArea label="Labels to tell apart" rows={2} value={typed ?? labels.join(', ')} onValue={setTyped} />
        </Labelled>
      )}
      <ErrorNote error={attempt.error} />
      {attempt.result && image && !attempt.error && <Bars result={attempt.result} />}
    </section>
  );
}

function Bars({ result }: { result: { labels: string[]; probabilities: number[]; milliseconds: number } }) {
  const best = ranked(result.labels, result.probabilities, 5);
  return (
    <>
      <table className="table bars" aria-label="Probabilities">
        <thead className="visually-hidden">
          <tr>
            <th>class</th>
            <th>bar</th>
            <th>probability, %</th>
          </tr>
        </thead>
        <tbody>
          {best.map(({ label, p }, i) => (
            <tr key={label} className={i === 0 ? 'strong' : ''}>
              <td className="clip">{label}</td>
              <td>
                <span className="bar-line" style={{ width: `${p * 100}%` }} />
              </td>
              <td className="n">{percent(p)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="muted small num">
        %, of {result.labels.length} classes · {milliseconds(result.milliseconds)}
      </p>
    </>
  );
}

type PicturesProps = {
  dataset: Dataset;
  datasets: Dataset[];
  chosen: number | null;
  onDataset(id: number): void;
  onItem(item: Item): void;
};

/** A few images of a dataset, spread over it; the dice draw others. */
function Pictures({ dataset, datasets, chosen, onDataset, onItem }: PicturesProps) {
  const [draw, setDraw] = useState(0);
  const room = Math.max(1, dataset.items - SHOWN);
  const { data } = useCall(
    'dataset.items',
    { id: dataset.id, filter: { status: 'ok' }, offset: (draw * 7919) % room, limit: SHOWN },
    { keep: true },
  );
  return (
    <>
      <div className="row">
        <Select
          label="Images from"
          value={String(dataset.id)}
          options={datasets.map((each) => ({ value: String(each.id), label: each.name }))}
          onValue={(value) => onDataset(Number(value))}
        />
        <IconButton label="Other images" icon={<Shuffle size={14} />} onClick={() => setDraw(draw + 1)} />
      </div>
      <ul className="pictures">
        {!data &&
          Array.from({ length: Math.min(SHOWN, dataset.items) }, (_, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: they hold the places of those that come.
            <li key={i} className="thumb" aria-hidden="true" />
          ))}
        {data?.items.map((item) => (
          <li key={item.id}>
            <button
              type="button"
              aria-pressed={item.id === chosen}
              aria-label={`Try ${baseName(item.path)}, ${item.label ?? 'no label'}`}
              onClick={() => onItem(item)}
            >
              <Thumb hash={item.hash} />
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
