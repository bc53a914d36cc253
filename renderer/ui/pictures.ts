// The thumbnails shown last stay loaded: a screen one comes back to has its pictures at once and asks nobody for them again.

/** A few screens of tiles: at most some 30 MB once decoded, which the browser may drop by itself. */
const KEPT = 120;
const kept = new Map<string, HTMLImageElement>();

/** Told of a picture that has loaded. An element of its own holds it, as the one on the screen hangs on all that is around it. */
export function keepPicture(url: string): void {
  const image = kept.get(url) ?? new Image();
  if (!kept.delete(url)) image.src = url;
  kept.set(url, image);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
}
