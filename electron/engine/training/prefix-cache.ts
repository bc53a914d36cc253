// What the frozen first blocks make of an image, kept by the image's content: they run once for each image, not once an epoch.
import type { Feeds, Trainer } from './trainer.ts';

/** Of each image of a batch its content's hash; null for a row that is not to be kept (an empty or augmented image). */
export type RowKeys = readonly (string | null)[];

export type PrefixCache = {
  /**
   * The batch with what the prefix makes of it. Where every key is kept already the pixels may be anything. `kept`: whether all
   * keys are kept from now on.
   */
  feeds(given: Feeds, keys: RowKeys): Promise<{ feeds: Feeds; kept: boolean }>;
};

/** `pixels`: the name of the images' input. Nothing is kept of a prefix that mixes the images of a batch. */
export function createPrefixCache(trainer: Trainer, pixels: string): PrefixCache {
  const rows = new Map<string, ReadonlyMap<string, Float32Array>>();
  let isPerImage: boolean | null = null;
  return {
    async feeds(given, keys) {
      const { prefix } = trainer;
      if (!prefix || keys.every((key) => key === null)) return { feeds: given, kept: false };
      const known = keys.map((key) => (key === null ? null : (rows.get(key) ?? null)));
      const first = known.find((row) => row !== null);
      if (first && keys.every((key, i) => key === null || known[i])) {
        const joined = [...first].map(([name, { length }]): [string, Float32Array] => {
          const all = new Float32Array(length * keys.length);
          for (const [i, row] of known.entries()) if (row) all.set(row.get(name)!, i * length);
          return [name, all];
        });
        return { feeds: { ...given, ...Object.fromEntries(joined) }, kept: true };
      }
      const made = await prefix(given);
      isPerImage ??= await followsRows(prefix, given, pixels, made, keys.length);
      const names = Object.keys(made);
      for (const [i, key] of keys.entries())
        if (isPerImage && key !== null)
          rows.set(key, new Map(names.map((name) => [name, rowOf(made[name]!, i, keys.length).slice()])));
      return { feeds: { ...given, ...made }, kept: isPerImage };
    },
  };
}

const rowOf = (all: Float32Array, i: number, count: number) =>
  all.subarray((all.length / count) * i, (all.length / count) * (i + 1));

/** Whether the images in another order give the same numbers, bit for bit, in that order: exports may put other axes first. */
async function followsRows(
  prefix: NonNullable<Trainer['prefix']>,
  given: Feeds,
  pixels: string,
  made: Readonly<Record<string, Float32Array>>,
  count: number,
): Promise<boolean> {
  const images = given[pixels] as Float32Array;
  const turned = new Float32Array(images.length);
  for (let i = 0; i < count; i++) turned.set(rowOf(images, i, count), ((i + 1) % count) * (images.length / count));
  const again = await prefix({ ...given, [pixels]: turned });
  return Object.entries(made).every(([name, all]) =>
    Array.from({ length: count }, (_, i) => i).every((i) => {
      const other = rowOf(again[name]!, (i + 1) % count, count);
      return rowOf(all, i, count).every((v, k) => v === other[k]);
    }),
  );
}
