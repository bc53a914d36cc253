// All datasets at a glance, when there are several or none.
import { FolderPlus } from 'lucide-react';
import type { Dataset } from '../../shared/contract.ts';
import { Button, Empty } from '../ui/controls.tsx';
import { count, when } from '../ui/format.ts';
import { go } from '../ui/navigation.ts';
import { splitText } from './Details.tsx';

export function DatasetList({ datasets, onImport }: { datasets: Dataset[]; onImport(): void }) {
  if (datasets.length === 0) {
    return (
      <Empty
        title="No images yet"
        action={
          <Button kind="primary" icon={<FolderPlus size={14} />} keys="Ctrl+O" onClick={onImport}>
            Import a folder
          </Button>
        }
      >
        A folder with one sub-folder per class, or with train and test folders, or a CSV or JSON list of path,label. The
        images stay where they are. You can also drop a folder on this window.
      </Empty>
    );
  }
  return (
    <div className="pane scroll">
      <table className="table sticky" aria-label="Datasets">
        <thead>
          <tr>
            <th>dataset</th>
            <th className="n">images</th>
            <th className="n">classes</th>
            <th className="n">problems</th>
            <th>split</th>
            <th>where</th>
            <th>imported</th>
          </tr>
        </thead>
        <tbody>
          {datasets.map((each) => (
            <tr key={each.id}>
              <td>
                <button type="button" className="link strong" onClick={() => go('data', { datasetId: each.id })}>
                  {each.name}
                </button>
                {each.demo && <span className="chip tag">demo</span>}
                {each.state === 'offline' && <span className="chip warn tag">offline</span>}
                {each.state === 'importing' && <span className="chip accent tag">importing</span>}
              </td>
              <td className="n">{count(each.items)}</td>
              <td className="n">{count(each.classes.length)}</td>
              <td className={each.problems > 0 ? 'n warn' : 'n'}>{count(each.problems)}</td>
              <td className="muted">{splitText(each)}</td>
              <td className="path muted where">{each.path}</td>
              <td className="muted nowrap">{when(each.createdAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
