// A method has one name, one colour and one marker everywhere: chart, table, chips, reports.
import type { MethodId } from '../../shared/report.ts';

export type MarkerShape = 'none' | 'circle' | 'diamond' | 'square' | 'triangle';
export type MethodLook = {
  name: string;
  /** In a sentence: "the probe passes zero-shot at 2 labels". */
  short: string;
  /** A CSS value, fit for stroke, fill and color. */
  colour: string;
  marker: MarkerShape;
  dashed: boolean;
  /** One line on how it works. */
  about: string;
};

export const METHODS: Record<MethodId, MethodLook> = {
  'zero-shot': {
    name: 'Zero-shot',
    short: 'zero-shot',
    colour: 'var(--m-zero)',
    marker: 'none',
    dashed: true,
    about: 'Class names as captions; the nearest text wins. No labels; needs a model with a text side.',
  },
  'linear-probe': {
    name: 'Linear probe',
    short: 'the probe',
    colour: 'var(--m-probe)',
    marker: 'circle',
    dashed: false,
    about: 'Logistic regression on frozen features, C chosen on validation.',
  },
  discriminant: {
    name: 'Discriminant',
    short: 'the discriminant',
    colour: 'var(--m-gda)',
    marker: 'diamond',
    dashed: false,
    about: 'One Gaussian per class with a shared, shrunk covariance; closed form.',
  },
  'nearest-mean': {
    name: 'Nearest mean',
    short: 'the nearest mean',
    colour: 'var(--m-mean)',
    marker: 'square',
    dashed: false,
    about: 'The class whose mean feature is nearest. No hyper-parameter.',
  },
  knn: {
    name: 'k-NN',
    short: 'k-NN',
    colour: 'var(--m-knn)',
    marker: 'triangle',
    dashed: false,
    about: 'The nearest labelled images vote, k chosen on validation.',
  },
};
/** The order of lists and tables. */
export const METHOD_ORDER: MethodId[] = ['zero-shot', 'linear-probe', 'discriminant', 'nearest-mean', 'knn'];
