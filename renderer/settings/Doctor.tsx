// What this lab is made of and whether it works: versions, and the doctor's checks in a table.
import type { AppInfo } from '../../shared/contract.ts';
import { useCall } from '../lab.ts';
import { Button, ErrorNote } from '../ui/controls.tsx';
import { bytes } from '../ui/format.ts';
import { Section } from './SettingsScreen.tsx';

export function Doctor({ info }: { info: AppInfo }) {
  const doctor = useCall('app.doctor', {});
  return (
    <Section title="Versions and checks">
      <dl className="facts">
        <dt>Fewshot Lab</dt>
        <dd>
          {info.version},{' '}
          {info.host === 'window' ? 'in its window' : info.host === 'server' ? 'served to a browser' : info.host}
        </dd>
        <dt>Node</dt>
        <dd>
          {info.node}, {info.platform}
        </dd>
        <dt>ONNX Runtime</dt>
        <dd>{info.onnxruntime ?? 'not available'}</dd>
        <dt>Memory</dt>
        <dd>{bytes(info.memory)} in the engine</dd>
      </dl>
      <ErrorNote error={doctor.error} retry={() => void doctor.refetch()} />
      {doctor.isPending && !doctor.error && <p className="muted">Checking the runtime, the folders and the devices.</p>}
      {doctor.data && (
        <table className="table" aria-label="Checks">
          <thead>
            <tr>
              <th>check</th>
              <th>state</th>
              <th>detail</th>
            </tr>
          </thead>
          <tbody>
            {doctor.data.checks.map((check) => (
              <tr key={check.name}>
                <td className="nowrap">{check.name}</td>
                <State check={check} />
                <td className="muted detail">{check.detail}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div className="row">
        <Button size="small" onClick={() => void doctor.refetch()} disabled={doctor.isFetching}>
          Check again
        </Button>
      </div>
    </Section>
  );
}

/** A device that this machine does not have is no fault. */
function State({ check }: { check: { ok: boolean; detail: string } }) {
  if (!check.ok) return <td className="bad nowrap">✕ does not work</td>;
  if (check.detail.startsWith('not available')) return <td className="muted nowrap">– not here</td>;
  return <td className="good nowrap">✓ works</td>;
}
