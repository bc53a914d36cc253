// The frame: rail, bridge, status line, palette, sheet of keys, and the keys that work everywhere.
import { type ReactNode, useEffect, useState } from 'react';
import { Bridge } from './Bridge.tsx';
import { tellClipped } from './clipped.ts';
import { refuseStrayDrops } from './DropTarget.tsx';
import { FolderBrowser } from './FolderBrowser.tsx';
import { watchFocus } from './focus.ts';
import { KeySheet } from './KeySheet.tsx';
import { listenToKeys, useKeys } from './keys.ts';
import { LiveRegion } from './LiveRegion.tsx';
import { go, goBack } from './navigation.ts';
import { Palette } from './Palette.tsx';
import { Rail } from './Rail.tsx';
import { StatusLine } from './StatusLine.tsx';
import { RAIL } from './screens.ts';

export function Shell({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState<'palette' | 'keys' | null>(null);
  useEffect(listenToKeys, []);
  useEffect(refuseStrayDrops, []);
  useEffect(watchFocus, []);
  useEffect(tellClipped, []);
  useKeys([
    ...RAIL.map((entry) => ({ keys: entry.keys, label: `Go to ${entry.name}`, run: () => go(entry.id) })),
    { keys: 'Ctrl+,', label: 'Go to Settings', run: () => go('settings') },
    { keys: 'Alt+ArrowLeft', label: 'Go back', run: goBack },
    { keys: 'Ctrl+K', label: 'Go to anything', run: () => setOpen('palette') },
    { keys: '?', label: 'Show the keys', run: () => setOpen('keys') },
    { keys: 'Escape', label: 'Close what is open', run: () => {}, told: true },
  ]);
  return (
    <div className="app">
      <Rail />
      <Bridge />
      {children}
      <StatusLine />
      <LiveRegion />
      <Palette open={open === 'palette'} onClose={() => setOpen(null)} />
      <KeySheet open={open === 'keys'} onClose={() => setOpen(null)} />
      <FolderBrowser />
    </div>
  );
}
