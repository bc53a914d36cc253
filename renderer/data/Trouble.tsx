// What is not as it should be: files that cannot be read, the same content twice, in train and test, or under two labels.
import type { Dataset, DuplicateGroup } from '../../shared/contract.ts';
import { useCall } from '../lab.ts';
import { Empty, ErrorNote, Note } from '../ui/controls.tsx';
import { count, plural } from '../ui/format.ts';
import { Thumb } from '../ui/Thumb.tsx';

export function Problems({ dataset }: { dataset: Dataset }) {
  const { data, error } = useCall('dataset.problems', { id: dataset.id });
  return (
    <>
      <ErrorNote error={error} />
      <p className="muted">
        {plural(dataset.problems, 'file')} of {count(dataset.files)} cannot be used. They stay in this list; everything
        else goes on without them. Mended files are taken up by a re-scan.
      </p>
      <div className="pane scroll grow-down" tabIndex={-1}>
        <table className="table sticky" aria-label="Problems">
          <thead>
            <tr>
              <th>file</th>
              <th className="why">why it cannot be used</th>
            </tr>
          </thead>
          <tbody>
            {data?.problems.map((problem) => (
              <tr key={problem.path}>
                <td className="path">{problem.path}</td>
                <td>{problem.reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {data && data.total > data.problems.length && (
        <p className="muted small">
          The first {count(data.problems.length)} of {count(data.total)}.
        </p>
      )}
    </>
  );
}

const EXPLAIN = {
  all: 'The same bytes at several places. Each copy counts as an item of its own.',
  leaks:
    'The same bytes in train and in test. The test copy is left out of every comparison, unless a comparison is told to keep it.',
  conflicts:
    'The same bytes under two labels. At least one of them is wrong: move the file to the right folder and re-scan.',
} as const;

export function Duplicates({ dataset, only }: { dataset: Dataset; only: 'all' | 'leaks' | 'conflicts' }) {
  const { data, error } = useCall('dataset.duplicates', { id: dataset.id, only });
  if (data && data.groups.length === 0)
    return <Empty title="None left">A re-scan or the import changed what was here.</Empty>;
  return (
    <>
      <ErrorNote error={error} />
      <Note kind="plain">{EXPLAIN[only]}</Note>
      <div className="pane scroll grow-down">
        <table className="table sticky trouble" aria-label="Contents at several places">
          <thead>
            <tr>
              <th aria-label="picture" />
              <th>where it lies</th>
              <th>label</th>
              <th>split</th>
            </tr>
          </thead>
          <tbody>
            {data?.groups.map((group) => (
              <Group key={group.hash} group={group} />
            ))}
          </tbody>
        </table>
      </div>
      {data && data.total > data.groups.length && (
        <p className="muted small">
          The first {count(data.groups.length)} of {count(data.total)} contents.
        </p>
      )}
    </>
  );
}

function Group({ group }: { group: DuplicateGroup }) {
  const labels = new Set(group.items.map((item) => item.label));
  return group.items.map((item, i) => (
    <tr key={item.id} className={i === 0 ? 'group-first' : 'group-next'}>
      {i === 0 && (
        <td rowSpan={group.items.length}>
          <span className="mini">
            <Thumb hash={group.hash} />
          </span>
        </td>
      )}
      <td className="path">{item.path}</td>
      <td className={labels.size > 1 ? 'bad strong' : ''}>{item.label ?? 'no label'}</td>
      <td>{item.split ?? ''}</td>
    </tr>
  ));
}
