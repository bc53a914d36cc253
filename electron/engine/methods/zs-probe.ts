// ZS-LP: a linear head that begins at the zero-shot weights and is trained freely (CLAP's baseline, arXiv 2312.12730, section 3).
import { LabError } from '../../../shared/contract.ts';
import type { Method } from './method.ts';
import { trainTextHead } from './text-head.ts';

export const zsProbe: Method = {
  id: 'zs-probe',
  name: 'Zero-shot probe',
  learns: true,
  needsText: true,
  fit(data) {
    if (!data.text)
      throw new LabError('unsupported', 'A probe from zero-shot weights needs a backbone with a text side.');
    return { choice: {}, validated: false, predict: trainTextHead(data, data.text, null).predict };
  },
};
