// The page's only view of the desktop app: `window.lab`, as shared/host-api.ts describes it.
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { ENGINE_PORT, type HostApi } from '../../shared/host-api.ts';

// A port cannot cross the context bridge; posting it to the page's own window is the documented way.
ipcRenderer.on('engine', (event) => window.postMessage(ENGINE_PORT, location.origin, event.ports));

const lab: HostApi = {
  platform: process.platform,
  askForEngine: () => ipcRenderer.send('engine'),
  pickFolder: () => ipcRenderer.invoke('pick-folder') as Promise<string | null>,
  pickFile: (filters) => ipcRenderer.invoke('pick-file', filters) as Promise<string | null>,
  saveAs: (url, name) => ipcRenderer.invoke('save-as', url, name) as Promise<string | null>,
  pathForFile: (file) => webUtils.getPathForFile(file),
  openLogs: () => ipcRenderer.invoke('open-logs') as Promise<void>,
};

contextBridge.exposeInMainWorld('lab', lab);
