// How methods and models look everywhere: one colour and one marker per method, one line style per model.
import type { MethodId } from '../report.ts';

export type Theme = 'light' | 'dark';
export type Marker =
  | 'none'
  | 'circle'
  | 'diamond'
  | 'square'
  | 'triangle'
  | 'bar'
  | 'dome'
  | 'star'
  | 'cross'
  | 'fall'
  | 'plus'
  | 'hourglass'
  | 'flag';

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
export const METHOD_ORDER: readonly MethodId[] = [
  'zero-shot',
  'linear-probe',
  'discriminant',
  'nearest-mean',
  'knn',
  'zs-probe',
  'clap',
  'fine-tune',
  'last-blocks',
  'lora',
  'biases',
  'lp-ft',
  'flyp',
];

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
  'zs-probe': {
    id: 'zs-probe',
    name: 'ZS-LP',
    subject: 'ZS-LP',
    light: '#12307a',
    dark: '#4b90e0',
    token: '--m-zslp',
    marker: 'bar',
    dash: null,
  },
  clap: {
    id: 'clap',
    name: 'CLAP',
    subject: 'CLAP',
    light: '#3a8441',
    dark: '#82d77c',
    token: '--m-clap',
    marker: 'dome',
    dash: null,
  },
  'fine-tune': {
    id: 'fine-tune',
    name: 'Fine-tune',
    subject: 'fine-tuning',
    light: '#b00e4a',
    dark: '#eb5f84',
    token: '--m-tune',
    marker: 'star',
    dash: null,
  },
  'last-blocks': {
    id: 'last-blocks',
    name: 'Last blocks',
    subject: 'training the last blocks',
    light: '#650c30',
    dark: '#d16260',
    token: '--m-blocks',
    marker: 'cross',
    dash: null,
  },
  lora: {
    id: 'lora',
    name: 'LoRA',
    subject: 'LoRA',
    light: '#d92f74',
    dark: '#fcc2d9',
    token: '--m-lora',
    marker: 'fall',
    dash: null,
  },
  biases: {
    id: 'biases',
    name: 'Biases',
    subject: 'training the biases',
    light: '#645500',
    dark: '#e5de72',
    token: '--m-bias',
    marker: 'plus',
    dash: null,
  },
  'lp-ft': {
    id: 'lp-ft',
    name: 'LP-FT',
    subject: 'LP-FT',
    light: '#5a3416',
    dark: '#c18c58',
    token: '--m-lpft',
    marker: 'hourglass',
    dash: null,
  },
  flyp: {
    id: 'flyp',
    name: 'FLYP',
    subject: 'FLYP',
    light: '#a32bb0',
    dark: '#ce63d8',
    token: '--m-flyp',
    marker: 'flag',
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
  const outline = (...points: [number, number][]) =>
    `${points.map(([dx, dy], i) => `${i === 0 ? 'M' : 'L'}${at(dx, dy)}`).join('')}Z`;
  switch (marker) {
    case 'none':
      return '';
    case 'circle':
      return `M${at(-4, 0)}A${4 * scale} ${4 * scale} 0 1 1 ${at(4, 0)}A${4 * scale} ${4 * scale} 0 1 1 ${at(-4, 0)}Z`;
    case 'dome':
      return `M${at(-5, 3)}A${5 * scale} ${5 * scale} 0 0 1 ${at(5, 3)}Z`;
    default:
      return outline(...OUTLINES[marker]);
  }
}

/** Corners around the centre, in pixels, y down. */
const OUTLINES: Record<Exclude<Marker, 'none' | 'circle' | 'dome'>, readonly [number, number][]> = {
  diamond: [
    [0, -5],
    [5, 0],
    [0, 5],
    [-5, 0],
  ],
  square: rectangle(3.5, 3.5),
  triangle: [
    [0, -5],
    [5, 3.7],
    [-5, 3.7],
  ],
  fall: [
    [0, 5],
    [-5, -3.7],
    [5, -3.7],
  ],
  flag: [
    [5, 0],
    [-3.7, 5],
    [-3.7, -5],
  ],
  bar: rectangle(5.5, 2.2),
  hourglass: [
    [-4.4, -5],
    [4.4, -5],
    [-4.4, 5],
    [4.4, 5],
  ],
  plus: crossed(1.5, 5),
  cross: crossed(1.5, 5).map(([x, y]) => [(x - y) * Math.SQRT1_2, (x + y) * Math.SQRT1_2]),
  star: Array.from({ length: 10 }, (_, i) => {
    const radius = i % 2 === 0 ? 6 : 2.6;
    return [radius * Math.sin((i * Math.PI) / 5), -radius * Math.cos((i * Math.PI) / 5)];
  }),
};

function rectangle(w: number, h: number): [number, number][] {
  return [
    [-w, -h],
    [w, -h],
    [w, h],
    [-w, h],
  ];
}

/** An upright cross with arms `2 w` thick that reach to `r`. */
function crossed(w: number, r: number): [number, number][] {
  return [
    [-w, -r],
    [w, -r],
    [w, -w],
    [r, -w],
    [r, w],
    [w, w],
    [w, r],
    [-w, r],
    [-w, w],
    [-r, w],
    [-r, -w],
    [-w, -w],
  ];
}

const round = (value: number) => Math.round(value * 100) / 100;
