// The device that everything is computed on where a run names no other: one of those this machine has, or the lab's own choice.
import { useCall, useMutationCall } from '../lab.ts';
import { ErrorNote, Select } from './controls.tsx';
import { deviceOptions } from './devices.ts';

export function DeviceSetting() {
  const providers = useCall('model.providers', {});
  const settings = useCall('settings.get', {}).data;
  const auto = useCall('app.info', {}).data?.autoDevice;
  const set = useMutationCall('settings.set');
  return (
    <>
      {settings && (
        <Select<string>
          label="Device"
          value={settings.device}
          options={[
            { value: 'auto', label: 'auto', note: auto ?? undefined },
            ...deviceOptions(providers.data, 'not available'),
          ]}
          onValue={(device) => set.run({ device })}
        />
      )}
      <ErrorNote error={providers.error ?? set.error} />
    </>
  );
}
