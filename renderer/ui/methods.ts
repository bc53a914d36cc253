// What the window says of a method beside its name, colour and marker, which are shared with the exported charts.
import { type Marker, METHOD_STYLES, METHOD_ORDER as ORDER } from '../../shared/chart/style.ts';
import type { MethodId } from '../../shared/report.ts';

export type MarkerShape = Marker;
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

const look = (id: MethodId, about: string): MethodLook => {
  const { name, subject, token, marker, dash } = METHOD_STYLES[id];
  return { name, short: subject, colour: `var(${token})`, marker, dashed: dash !== null, about };
};

export const METHODS: Record<MethodId, MethodLook> = {
  'zero-shot': look(
    'zero-shot',
    'Class names as captions; the nearest text wins. No labels; needs a model with a text side.',
  ),
  'linear-probe': look('linear-probe', 'Logistic regression on frozen features, C chosen on validation.'),
  discriminant: look('discriminant', 'One Gaussian per class with a shared, shrunk covariance; closed form.'),
  'nearest-mean': look('nearest-mean', 'The class whose mean feature is nearest. No hyper-parameter.'),
  knn: look('knn', 'The nearest labelled images vote, k chosen on validation.'),
  'zs-probe': look('zs-probe', 'A linear probe that starts from the captions’ weights. Needs a text side.'),
  clap: look(
    'clap',
    'ZS-LP, kept near the captions’ weights class by class, as far as the labels agree. Needs a text side.',
  ),
  'fine-tune': look('fine-tune', 'All of the encoder’s weights and the head, by gradient descent.'),
  'last-blocks': look('last-blocks', 'The last blocks of the encoder and the head; the rest stays as it is.'),
  lora: look(
    'lora',
    'Low-rank additions to the attention of its encoders, or to a convolution network’s 1x1 products; merged when saved.',
  ),
  biases: look('biases', 'Only norms and biases, and the head (BitFit).'),
  'lp-ft': look('lp-ft', 'A linear probe first, then all of the weights from there.'),
  flyp: look('flyp', 'Trained as it was pretrained: images against captions of their labels. Needs a text side.'),
};
/** The order of lists and tables. */
export const METHOD_ORDER: MethodId[] = [...ORDER];
