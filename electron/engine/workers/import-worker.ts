// A thread of the import: hashes a batch of files and reads their headers, while the main thread answers and writes rows.
import { type FileToRead, type Reading, readFile } from '../datasets/read-file.ts';

export type ImportTask = { root: string; files: FileToRead[]; respell: boolean };

/** Run by its name (`pool.run(task, { name: 'readFiles' })`), one task at a time. */
export const readFiles = ({ root, files, respell }: ImportTask): Reading[] =>
  files.map((file) => readFile(root, file, respell));
