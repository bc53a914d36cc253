// A program of its own that tries one execution provider (its argument) and tells its parent: a driver that crashes
// takes only this process down.
import { tryProvider } from '../models/trial.ts';

const trial = await tryProvider(process.argv[2] ?? 'cpu');
process.send?.(trial, () => process.exit(0));
