// One image as large as the window allows, upright; arrows go on, Esc returns to the grid.
import { Dialog } from '@base-ui/react/dialog';
import { ChevronLeft, ChevronRight, X } from 'lucide-react';
import { useRef, useState } from 'react';
import type { Item } from '../../shared/contract.ts';
import { imageUrl } from '../../shared/urls.ts';
import { IconButton } from '../ui/controls.tsx';
import { bytes, count } from '../ui/format.ts';

type ViewerProps = { item: Item; index: number; total: number; onMove(by: number): void; onClose(): void };

export function Viewer({ item, index, total, onMove, onClose }: ViewerProps) {
  const popup = useRef<HTMLDivElement>(null);
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup
          ref={popup}
          // The image has the focus, not its first button: the arrows go on, and no hint covers anything.
          initialFocus={popup}
          className="viewer"
          aria-label={item.path}
          onKeyDown={(event) => {
            const by =
              event.key === 'ArrowRight' || event.key === 'ArrowDown'
                ? 1
                : event.key === 'ArrowLeft' || event.key === 'ArrowUp'
                  ? -1
                  : 0;
            if (by !== 0) onMove(by);
            else if (event.key === ' ') onClose();
            else return;
            event.preventDefault();
          }}
        >
          <header className="row">
            <b className="clip">{item.label ?? 'no label'}</b>
            {item.split && <span className="chip">{item.split}</span>}
            <span className="path clip muted">{item.path}</span>
            <span className="spacer" />
            <span className="muted num small">
              {item.width} × {item.height} · {item.format} · {bytes(item.size)}
            </span>
            <span className="muted num small">
              {count(index + 1)} of {count(total)}
            </span>
            <IconButton
              label="Previous image"
              icon={<ChevronLeft size={16} />}
              keys="ArrowLeft"
              disabled={index === 0}
              onClick={() => onMove(-1)}
            />
            <IconButton
              label="Next image"
              icon={<ChevronRight size={16} />}
              keys="ArrowRight"
              disabled={index >= total - 1}
              onClick={() => onMove(1)}
            />
            <IconButton label="Close" icon={<X size={16} />} keys="Escape" onClick={onClose} />
          </header>
          <div className="viewer-image">
            <Whole key={item.id} item={item} />
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Whole({ item }: { item: Item }) {
  const [failed, setFailed] = useState(false);
  if (item.status !== 'ok' || failed)
    return (
      <p className="bad">
        {item.reason ??
          `${item.path} cannot be shown: it is not where it was, or cannot be read. A re-scan of the folder says which.`}
      </p>
    );
  // Small pictures (32 px of CIFAR) are enlarged by whole pixels, photos smoothly.
  const small = Math.max(item.width, item.height) < 128;
  return (
    <img src={imageUrl(item.id)} alt={item.path} className={small ? 'pixels' : ''} onError={() => setFailed(true)} />
  );
}
