// The list of known models (models/catalog.json): where each is, which files it needs, how large it is, what it is good for.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { LabError, type ModelInfo } from '../../../shared/contract.ts';

const entry = z.object({
  id: z.string(),
  name: z.string(),
  /** owner/name on the Hub. */
  repo: z.string(),
  /** A commit, or a branch where no commit is known. */
  revision: z.string(),
  family: z.enum(['dual', 'vision', 'text']),
  /** Paths in the repository; the ones in `optional` are taken when they are there. */
  files: z.array(z.string()).min(1),
  optional: z.array(z.string()).default([]),
  /** Sum of the files. */
  bytes: z.number().int(),
  /** True when `bytes` could not be read from the Hub itself and may be off by some percent. */
  bytesApproximate: z.boolean().default(true),
  licence: z.string(),
  outputs: z.array(z.string()),
  dim: z.number().int(),
  imageSize: z.number().int(),
  goodFor: z.string(),
  /** Logit scale of the weights, where the config does not state it. */
  scale: z.number().optional(),
});
export type CatalogEntry = z.infer<typeof entry>;

const shape = z.object({ models: z.array(entry) });

/** `shipped`: the models/ folder of the program. A catalog that does not fit its shape is a `bad-request` naming the field. */
export function readCatalog(shipped: string): CatalogEntry[] {
  const file = path.join(shipped, 'catalog.json');
  if (!existsSync(file)) return [];
  const parsed = shape.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success)
    throw new LabError(
      'bad-request',
      `${file}: ${parsed.error.issues[0]!.path.join('.')}: ${parsed.error.issues[0]!.message}`,
    );
  return parsed.data.models;
}

/** A known model that is not on this machine. */
export const catalogInfo = (known: CatalogEntry): ModelInfo => ({
  id: known.id,
  name: known.name,
  family: known.family,
  source: 'catalog',
  path: null,
  installed: false,
  pretrained: true,
  hasText: known.family === 'dual',
  outputs: known.outputs,
  dim: known.dim,
  imageSize: known.imageSize,
  bytes: known.bytes,
  licence: known.licence,
  repo: known.repo,
  goodFor: known.goodFor,
  problem: null,
});
