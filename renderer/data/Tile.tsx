// One tile: the picture, its label, and a sign where something is to be known about it.
import { Copy, FileWarning, ImageOff, Unplug } from 'lucide-react';
import { memo, type ReactNode, useState } from 'react';
import type { Item } from '../../shared/contract.ts';
import { thumbnailUrl } from '../../shared/urls.ts';
import { baseName } from '../ui/format.ts';
import { keepPicture } from '../ui/pictures.ts';

type TileProps = {
  id: string;
  item: Item | undefined;
  size: number;
  index: number;
  total: number;
  active: boolean;
  onPick(): void;
  onOpen(): void;
};

export const Tile = memo(
  TileView,
  (a, b) =>
    a.item === b.item && a.size === b.size && a.active === b.active && a.index === b.index && a.total === b.total,
);

function TileView({ id, item, size, index, total, active, onPick, onOpen }: TileProps) {
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the list holds the focus and names the active tile (aria-activedescendant).
    <div
      id={id}
      role="option"
      aria-selected={active}
      aria-posinset={index + 1}
      aria-setsize={total}
      aria-label={item ? itemText(item) : 'loading'}
      className={active ? 'tile active' : 'tile'}
      onMouseDown={onPick}
      onDoubleClick={onOpen}
    >
      <span className="tile-picture" style={{ height: size }}>
        {item && <Picture key={item.hash || item.id} item={item} />}
      </span>
      <span className="tile-caption">
        {item && (
          <>
            <span className={item.label === null ? 'clip faint' : 'clip'}>{item.label ?? baseName(item.path)}</span>
            {item.leak && (
              <span className="warn" title="Its content is in train too">
                <Copy size={12} aria-hidden="true" />
              </span>
            )}
            {item.split && <span className="tile-split">{item.split}</span>}
          </>
        )}
      </span>
    </div>
  );
}

function Picture({ item }: { item: Item }) {
  const [failed, setFailed] = useState(false);
  if (item.status === 'problem') return <Sign icon={<FileWarning size={20} />} text="cannot be read" tone="bad" />;
  if (item.status === 'offline') return <Sign icon={<Unplug size={20} />} text="offline" tone="warn" />;
  if (failed || item.hash === '') return <Sign icon={<ImageOff size={20} />} text="no picture" tone="faint" />;
  const url = thumbnailUrl(item.hash);
  return (
    <img
      src={url}
      alt=""
      decoding="async"
      draggable={false}
      onLoad={() => keepPicture(url)}
      onError={() => setFailed(true)}
    />
  );
}

const Sign = ({ icon, text, tone }: { icon: ReactNode; text: string; tone: string }) => (
  <span className={`tile-sign ${tone}`}>
    {icon}
    <small>{text}</small>
  </span>
);

/** What a screen reader says of a tile. */
export function itemText(item: Item): string {
  const parts = [baseName(item.path), item.label ?? 'no label'];
  if (item.split) parts.push(item.split);
  if (item.status !== 'ok') parts.push(item.reason ?? item.status);
  if (item.leak) parts.push('also in train');
  return parts.join(', ');
}
