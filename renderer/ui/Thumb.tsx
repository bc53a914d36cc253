// The small picture of an image's content, or a sign where there is none any more: its dataset was taken off the list, or is away.
import { ImageOff } from 'lucide-react';
import { useState } from 'react';
import { thumbnailUrl } from '../../shared/urls.ts';
import { keepPicture } from './pictures.ts';

/** Says nothing to screen readers: what stands around it names the image. */
export function Thumb({ hash, lazy = false }: { hash: string; lazy?: boolean }) {
  const [failed, setFailed] = useState('');
  const url = thumbnailUrl(hash);
  if (failed === hash)
    return (
      <span className="thumb no-picture" title="No picture: its dataset was taken off the list, or its folder is away.">
        <ImageOff size={16} aria-hidden="true" />
      </span>
    );
  return (
    <img
      className="thumb"
      src={url}
      alt=""
      {...(lazy ? { loading: 'lazy' as const } : {})}
      onLoad={() => keepPicture(url)}
      onError={() => setFailed(hash)}
    />
  );
}
