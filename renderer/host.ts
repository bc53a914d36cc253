// The only file that knows Electron's window from a browser: the line to the engine, folders, files dropped and saved.
import type { FileFilter, HostApi } from '../shared/host-api.ts';
import { ENGINE_PORT } from '../shared/host-api.ts';
import type { Wire } from '../shared/rpc.ts';
import { portWire, socketWire } from '../shared/wires.ts';
import { createStore } from './ui/store.ts';

const api = (globalThis as { lab?: HostApi }).lab;

/** True in Electron's window, false in a browser. */
export const isDesktop = api !== undefined;
export const isMac = (api?.platform ?? globalThis.navigator?.platform ?? '')
  .toLowerCase()
  .includes(api ? 'darwin' : 'mac');

/** A line to the engine; rejects when there is none to be had now. */
export function openWire(): Promise<Wire> {
  return api ? portFromWindow(api) : socket();
}

function portFromWindow(host: HostApi): Promise<Wire> {
  return new Promise((resolve) => {
    const receive = (event: MessageEvent) => {
      const port = event.ports[0];
      if (event.source !== window || event.data !== ENGINE_PORT || !port) return;
      window.removeEventListener('message', receive);
      resolve(portWire(port));
    };
    window.addEventListener('message', receive);
    host.askForEngine();
  });
}

function socket(): Promise<Wire> {
  return new Promise((resolve, reject) => {
    const address = new URL('./rpc', location.href);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const line = new WebSocket(address);
    line.addEventListener('open', () => resolve(socketWire(line)));
    line.addEventListener('error', () => reject(new Error('The engine does not answer.')));
  });
}

/** What the in-app folder browser is asked for; ui/FolderBrowser.tsx answers it. Null: nobody asks. */
export type FolderRequest = {
  title: string;
  files: string[] | null;
  why: string | null;
  answer(path: string | null): void;
};
export const folderRequest = createStore<FolderRequest | null>(null);

function browse(title: string, files: string[] | null, why: string | null): Promise<string | null> {
  return new Promise((resolve) => {
    folderRequest.get()?.answer(null);
    folderRequest.set({
      title,
      files,
      why,
      answer(path) {
        folderRequest.set(null);
        resolve(path);
      },
    });
  });
}

/** A folder of the engine's machine: the native dialog in the window, our own browser elsewhere. `why` is shown there. */
export const pickFolder = (title: string, why: string | null = null): Promise<string | null> =>
  api ? api.pickFolder() : browse(title, null, why);

/** A file with one of `extensions` (without the dot); in the browser host a folder may be chosen too. */
export function pickFile(title: string, filter: FileFilter, why: string | null = null): Promise<string | null> {
  return api ? api.pickFile([filter]) : browse(title, filter.extensions, why);
}

/** Saves what lies under a relative address as a file of that name. */
export async function saveAs(url: string, name: string): Promise<void> {
  if (api) {
    await api.saveAs(url, name);
    return;
  }
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

/** Saves a text the page itself made; the window asks where by the system's dialog. */
export function saveText(text: string, type: string, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

export const NO_PATHS =
  'A browser does not tell where a dropped file lies. Choose it here instead: this is the machine the engine runs on.';

/** The paths of what was dropped; `reason` says why there are none. */
export function droppedPaths(data: DataTransfer): { paths: string[]; reason: string | null } {
  const files = [...data.files];
  if (!api) return { paths: [], reason: NO_PATHS };
  const paths = files.map((file) => api.pathForFile(file)).filter((path) => path !== '');
  return {
    paths,
    reason: paths.length > 0 ? null : 'What was dropped has no path on this disk. Save it first, or choose the folder.',
  };
}

/** Opens the log in the file manager; false where only its path can be shown. */
export async function openLogs(): Promise<boolean> {
  await api?.openLogs();
  return api !== undefined;
}
