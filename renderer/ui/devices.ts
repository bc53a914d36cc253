// What a run is computed on: the devices of this machine as a list's options, and what of a choice is sent.
import type { ProviderReport } from '../../shared/contract.ts';
import type { Option } from './controls.tsx';

/** '' and 0: as set under Settings. */
export type Machine = { device: string; threads: number };

export const machineParams = ({ device, threads }: Machine): Partial<Machine> => ({
  ...(device === '' ? {} : { device }),
  ...(threads === 0 ? {} : { threads }),
});

/** Every device the runtime knows; one that cannot be had is disabled and says why, or `without` where the reasons stand beside. */
export const deviceOptions = (providers: readonly ProviderReport[] = [], without?: string): Option<string>[] =>
  providers.map(({ id, available, reason }) => ({
    value: id,
    label: id,
    disabled: !available,
    note: available ? undefined : (without ?? reason ?? 'not available here'),
  }));
