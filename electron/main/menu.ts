// The native menu: what every program has, and the few things that concern the program rather than the page.
import { Menu, type MenuItemConstructorOptions } from 'electron';

type Actions = { restartEngine(): void; showLogs(): void; openDataFolder(): void };

export function setMenu({ restartEngine, showLogs, openDataFolder }: Actions): void {
  const mac = process.platform === 'darwin';
  const template: MenuItemConstructorOptions[] = [
    ...(mac ? [{ role: 'appMenu' } satisfies MenuItemConstructorOptions] : []),
    {
      label: 'File',
      submenu: [
        { label: 'Open data folder', click: openDataFolder },
        { label: 'Show log file', click: showLogs },
        { type: 'separator' },
        { label: 'Restart engine', click: restartEngine },
        { type: 'separator' },
        { role: mac ? 'close' : 'quit' },
      ],
    },
    { role: 'editMenu' },
    { role: 'viewMenu' },
    { role: 'windowMenu' },
  ];
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}
