// What the page may ask of the main process (shared/host-api.ts): a line to the engine, and the system's own dialogs.
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import {
  app,
  BrowserWindow,
  dialog,
  type IpcMainEvent,
  type IpcMainInvokeEvent,
  ipcMain,
  MessageChannelMain,
} from 'electron';
import type { FileFilter } from '../../shared/host-api.ts';
import { engineFile, PAGE } from './protocol.ts';
import type { Supervisor } from './supervisor.ts';

/** Whether it is our page that asks. */
const isOurs = ({ sender, senderFrame }: IpcMainEvent | IpcMainInvokeEvent): boolean =>
  senderFrame !== null && senderFrame === sender.mainFrame && senderFrame.url.startsWith(PAGE);

/** The window that asks; throws when it is not showing our page. */
function asker(event: IpcMainInvokeEvent): BrowserWindow {
  const window = BrowserWindow.fromWebContents(event.sender);
  if (!window || !isOurs(event)) throw new Error('Refused.');
  return window;
}

export function answerRequests(engine: Supervisor, showLogs: () => void): void {
  ipcMain.on('engine', (event) => {
    if (!isOurs(event)) return; // thrown here it would come up as a dialog; a page that is being replaced asks again
    const { port1, port2 } = new MessageChannelMain();
    event.sender.postMessage('engine', null, [port1]);
    engine.connect(port2);
  });
  ipcMain.handle('pick-folder', async (event) => {
    const { filePaths } = await dialog.showOpenDialog(asker(event), { properties: ['openDirectory'] });
    return filePaths[0] ?? null;
  });
  ipcMain.handle('pick-file', async (event, filters: FileFilter[]) => {
    const { filePaths } = await dialog.showOpenDialog(asker(event), { properties: ['openFile'], filters });
    return filePaths[0] ?? null;
  });
  ipcMain.handle('save-as', (event, url: string, name: string) =>
    saveAs(engine, asker(event), String(url), path.basename(String(name))),
  );
  ipcMain.handle('open-logs', (event) => {
    asker(event);
    showLogs();
  });
}

async function saveAs(engine: Supervisor, window: BrowserWindow, url: string, name: string): Promise<string | null> {
  if (!/^(media|export)\//.test(url) || url.includes('..')) throw new Error(`${url} is nothing that can be saved.`);
  const { filePath } = await dialog.showSaveDialog(window, { defaultPath: path.join(app.getPath('downloads'), name) });
  if (!filePath) return null;
  const response = await engineFile(engine, url);
  if (!response.ok || !response.body) throw new Error(`${name} could not be made: ${await response.text()}`);
  try {
    await pipeline(Readable.fromWeb(response.body as NodeReadableStream), createWriteStream(filePath));
  } catch (error) {
    await rm(filePath, { force: true });
    throw new Error(`${filePath} could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
  return filePath;
}
