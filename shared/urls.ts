// The addresses of everything the page loads as bytes, relative to where the page itself came from.

/** A WebP thumbnail, longest edge 256 px, upright; made lazily, cached by content. */
export const thumbnailUrl = (hash: string) => `media/thumbnail/${hash}`;

/** The whole image, upright, as something every browser shows (JPEG, PNG and WebP as they are, others re-encoded). */
export const imageUrl = (itemId: number) => `media/image/${itemId}`;

export const EXPORTS = ['report.json', 'predictions.csv', 'chart.svg', 'chart.png', 'report.html'] as const;
export type ExportName = (typeof EXPORTS)[number];

/** A finished (or running) comparison as a file. */
export const exportUrl = (comparisonId: number, name: ExportName) => `export/compare/${comparisonId}/${name}`;
