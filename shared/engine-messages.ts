// What the desktop app's main process and the engine it forked say to each other, besides the lines to the window.
// A utilityProcess hands MessagePorts over; an engine under another Node has its lines relayed as text (`open`, `text`, `close`).

/** Main to engine. */
export type ToEngine =
  /** A window's line: the message carries the port (utilityProcess only). */
  | { kind: 'client' }
  /** A window's line, relayed under this number (another Node). */
  | { kind: 'open'; wire: number }
  | { kind: 'text'; wire: number; text: string }
  | { kind: 'close'; wire: number }
  | { kind: 'stop' };

/** Engine to main. */
export type FromEngine =
  /** Open for business; its files are at this address, with this secret as a bearer token. */
  | { kind: 'ready'; files: string; secret: string; logFile: string; dataDir: string }
  /** It could not start, and trying again will not help: the sentence says why. */
  | { kind: 'refused'; message: string }
  /** Whether a job runs, so that the machine stays awake. */
  | { kind: 'busy'; busy: boolean }
  | { kind: 'text'; wire: number; text: string }
  | { kind: 'close'; wire: number };
