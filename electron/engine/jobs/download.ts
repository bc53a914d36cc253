// One model of the catalog, downloaded because the user asked: the only work of the lab that uses the network.
import { z } from 'zod';
import { LabError } from '../../../shared/contract.ts';
import type { Engine } from '../context.ts';
import { readCatalog } from '../models/catalog.ts';
import { downloadModel } from '../models/download.ts';
import { hubAccess } from '../models/hub-request.ts';
import { defineJob } from './kind.ts';

const params = z.object({ id: z.string() });

/** Throws `not-found` with the ids there are. */
export function catalogEntry(engine: Pick<Engine, 'dirs'>, id: string) {
  const catalog = readCatalog(engine.dirs.shipped);
  const entry = catalog.find((known) => known.id === id || known.repo === id);
  if (!entry)
    throw new LabError(
      'not-found',
      `The catalog has no model ${id}. It has ${catalog.map((known) => known.id).join(', ')}.`,
    );
  return entry;
}

export const downloadJob = defineJob<z.infer<typeof params>>({
  params,
  title: ({ id }, engine) => catalogEntry(engine, id).name,
  unit: 'bytes',
  lane: 'background',
  async run({ id }, { engine, signal, progress, log }) {
    const entry = catalogEntry(engine, id);
    const folder = await downloadModel({
      entry,
      access: hubAccess(engine.settings()),
      modelsDir: engine.dirs.models,
      signal,
      progress,
      log,
    });
    engine.push('model.changed', { id: entry.id });
    return { id: entry.id, folder };
  },
});
