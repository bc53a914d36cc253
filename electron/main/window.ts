// The window: sandboxed, shut off from everything but its own page, and where it was last time.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { app, BrowserWindow, type Rectangle, screen, session } from 'electron';
import { PAGE } from './protocol.ts';

type WindowState = Rectangle & { maximized: boolean };

const stateFile = () => path.join(app.getPath('userData'), 'window.json');

/** Where the window was, when that is still on a screen. */
function lastState(): Partial<WindowState> {
  try {
    const state = JSON.parse(readFileSync(stateFile(), 'utf8')) as WindowState;
    const visible = screen
      .getAllDisplays()
      .some(
        ({ workArea: area }) =>
          state.x < area.x + area.width - 100 &&
          state.x + state.width > area.x + 100 &&
          state.y >= area.y - 10 &&
          state.y < area.y + area.height - 60,
      );
    return visible ? state : {};
  } catch {
    return {};
  }
}

function remember(window: BrowserWindow): void {
  try {
    writeFileSync(
      stateFile(),
      JSON.stringify({ ...window.getNormalBounds(), maximized: window.isMaximized() } satisfies WindowState),
    );
  } catch {
    // a read-only data folder: the window opens where it always does
  }
}

/** Allows the page nothing but itself: no network, no permission but writing text to the clipboard. */
export function lockSession(): void {
  const own = session.defaultSession;
  own.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(permission === 'clipboard-sanitized-write'),
  );
  own.setPermissionCheckHandler((_contents, permission) => permission === 'clipboard-sanitized-write');
  own.webRequest.onBeforeRequest((details, answer) => answer({ cancel: !/^(app|blob|devtools):/.test(details.url) }));
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault());
    contents.on('will-frame-navigate', (event) => event.preventDefault());
    contents.on('will-redirect', (event) => event.preventDefault());
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  });
}

export function openWindow(preload: string): BrowserWindow {
  const { maximized, ...bounds } = lastState();
  const window = new BrowserWindow({
    width: 1280,
    height: 860,
    ...bounds,
    minWidth: 1024,
    minHeight: 640,
    title: 'Fewshot Lab',
    show: false,
    autoHideMenuBar: true,
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  if (maximized) window.maximize();
  window.once('ready-to-show', () => window.show());
  window.on('close', () => remember(window));
  void window.loadURL(PAGE);
  return window;
}
