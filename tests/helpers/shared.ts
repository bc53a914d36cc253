// The folder of real models, images and golden files beside a developer's checkout; absent on CI.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));

/** The path of a file or folder in ../shared, or null when it is not there: skip by name then. */
export const sharedPath = (relative: string): string | null =>
  existsSync(SHARED + relative) ? SHARED + relative : null;

/** A path inside tests/fixtures. */
export const fixturePath = (relative: string): string =>
  fileURLToPath(new URL(`../fixtures/${relative}`, import.meta.url));
