// What the file system's errors mean, in words. Imports nothing: the reading threads start with it.

const REASONS: Record<string, string> = {
  ENOENT: 'the file is not there',
  ENOTDIR: 'the file is not there',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ELOOP: 'a link that leads back to itself',
  ENAMETOOLONG: 'the name is too long for this system',
  EIO: 'the disk could not read it',
  EBUSY: 'another program holds it',
  EMFILE: 'too many files are open',
};

/** The same for an error about `at`, whose name may be the reason: bytes that are no text cannot be asked for again. */
export const pathReason = (at: string, error: unknown): string =>
  at.includes('\uFFFD') ? 'its name is not valid Unicode: rename it' : fsReason(error);

/** What a file system error means, in words. */
export function fsReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code && REASONS[code]) || (code ? `${code}: ${message}` : String(message));
}
