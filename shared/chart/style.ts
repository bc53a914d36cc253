// How methods and models look everywhere: one colour and one marker per method, one line style per model.
import type { MethodId } from '../report.ts';

export type Theme = 'light' | 'dark';
export type Marker = 'none' | 'circle' | 'diamond' | 'square' | 'triangle';

export type MethodStyle = {
  id: MethodId;
  /** As written in tables, chips and labels. */
  name: string;
  /** As the subject of a sentence: "the probe passes zero-shot". */
  subject: string;
  /** Mark colours; the same values as the window's tokens. */
  light: string;
  dark: string;
  /** The window's token, so that a theme change needs no redraw. */
  token: string;
  marker: Marker;
  /** SVG stroke-dasharray, or null for a solid line. */
  dash: string | null;
};

/** In the order in which charts, tables and chips list them. */
export const METHOD_ORDER: readonly MethodId[] = ['zero-shot', 'linear-probe', 'discriminant', 'nearest-mean', 'knn'];

export const METHOD_STYLES: Record<MethodId, MethodStyle> = {
  'zero-shot': {
    id: 'zero-shot',
    name: 'Zero-shot',
    subject: 'zero-shot',
    light: '#6b6963',
    dark: '#a6a39b',
    token: '--m-zero',
    marker: 'none',
    dash: '5 4',
  },
  'linear-probe': {
    id: 'linear-probe',
    name: 'Linear probe',
    subject: 'the probe',
    light: '#2b59d9',
    dark: '#86a3ff',
    token: '--m-probe',
    marker: 'circle',
    dash: null,
  },
  discriminant: {
    id: 'discriminant',
    name: 'Discriminant',
    subject: 'the discriminant',
    light: '#0a766b',
    dark: '#4fc9b9',
    token: '--m-gda',
    marker: 'diamond',
    dash: null,
  },
  'nearest-mean': {
    id: 'nearest-mean',
    name: 'Nearest mean',
    subject: 'the nearest mean',
    light: '#6d2f96',
    dark: '#cdb4fb',
    token: '--m-mean',
    marker: 'square',
    dash: null,
  },
  knn: {
    id: 'knn',
    name: 'k-NN',
    subject: 'k-NN',
    light: '#a85700',
    dark: '#f0a04b',
    token: '--m-knn',
    marker: 'triangle',
    dash: null,
  },
};

export type ModelStyle = { filled: boolean; width: number; dash: string | null };

/** The first model is filled and strong; further ones keep the method's colour with hollow markers and thin lines. */
const MODEL_STYLES: readonly ModelStyle[] = [
  { filled: true, width: 2, dash: null },
  { filled: false, width: 1.25, dash: null },
  { filled: false, width: 1.25, dash: '1.5 3' },
  { filled: false, width: 1.25, dash: '9 3' },
];

/** Style of the i-th model of a chart; from the fifth on they repeat and only the written name tells them apart. */
export function modelStyle(index: number): ModelStyle {
  if (index === 0) return MODEL_STYLES[0]!;
  return MODEL_STYLES[1 + ((index - 1) % (MODEL_STYLES.length - 1))]!;
}

/** An earlier run laid over the chart. */
export const OVERLAY_STYLE: ModelStyle = { filled: false, width: 1.25, dash: '4 3' };

export type ChartColours = {
  background: string;
  sunken: string;
  line: string;
  text: string;
  muted: string;
  right: string;
  wrong: string;
};

/** Frame colours of exported charts; the values of the window's tokens. */
export const CHART_COLOURS: Record<Theme, ChartColours> = {
  light: {
    background: '#ffffff',
    sunken: '#f0efec',
    line: '#e3e2dd',
    text: '#1b1a18',
    muted: '#65635d',
    right: '#2b59d9',
    wrong: '#b3261e',
  },
  dark: {
    background: '#1c1c19',
    sunken: '#232320',
    line: '#31302c',
    text: '#ecebe6',
    muted: '#a6a39b',
    right: '#86a3ff',
    wrong: '#ff8f86',
  },
};

export const CHART_FONT = `Inter, 'Inter Variable', 'DejaVu Sans', system-ui, sans-serif`;

/** Path of a marker centred on (x, y); '' for none. Areas look alike, so no method seems heavier than another. */
export function markerPath(marker: Marker, x: number, y: number, scale = 1): string {
  const at = (dx: number, dy: number) => `${round(x + dx * scale)} ${round(y + dy * scale)}`;
  switch (marker) {
    case 'none':
      return '';
    case 'circle':
      return `M${at(-4, 0)}A${4 * scale} ${4 * scale} 0 1 1 ${at(4, 0)}A${4 * scale} ${4 * scale} 0 1 1 ${at(-4, 0)}Z`;
    case 'diamond':
      return `M${at(0, -5)}L${at(5, 0)}L${at(0, 5)}L${at(-5, 0)}Z`;
    case 'square':
      return `M${at(-3.5, -3.5)}L${at(3.5, -3.5)}L${at(3.5, 3.5)}L${at(-3.5, 3.5)}Z`;
    case 'triangle':
      return `M${at(0, -5)}L${at(5, 3.7)}L${at(-5, 3.7)}Z`;
  }
}

const round = (value: number) => Math.round(value * 100) / 100;
