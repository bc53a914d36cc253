// What the preload script gives the page inside the Electron window, as `window.lab`; in a browser it is absent.

export type FileFilter = { name: string; extensions: string[] };

export type HostApi = {
  /** process.platform of the machine: 'linux', 'darwin', 'win32'. */
  platform: string;
  /**
   * Asks for a line to the engine. The answer comes as a `message` event on the window whose data is `ENGINE_PORT` and
   * whose first port is the line (a port cannot be returned through context isolation). Listen first, then ask. When the
   * engine dies the port closes: ask again, and the answer comes as soon as the engine is back.
   */
  askForEngine(): void;
  /** The chosen folder, or null. */
  pickFolder(): Promise<string | null>;
  /** The chosen file, or null. */
  pickFile(filters: FileFilter[]): Promise<string | null>;
  /** Saves what lies under `url` (see shared/urls.ts) where the user says; the path, or null when they changed their mind. */
  saveAs(url: string, name: string): Promise<string | null>;
  /** The path on disk of a file or folder that was dropped on the page; '' when it has none. */
  pathForFile(file: File): string;
  /** Shows the log file in the file manager. */
  openLogs(): Promise<void>;
};

/** The message that carries the engine's port from the preload script to the page. */
export const ENGINE_PORT = 'fewshot-lab-engine';
