// Caption templates as data: OpenAI's published sets, and how a class becomes words and captions.
import { LabError, type TemplateSet } from './contract.ts';

const PROMPTS = 'https://github.com/openai/CLIP/blob/main/data/prompts.md';
const NOTEBOOK = 'https://github.com/openai/CLIP/blob/main/notebooks/Prompt_Engineering_for_ImageNet.ipynb';

/** "{}" stands for the class name. The odd grammar ("a origami {}.") is OpenAI's own and kept. */
const each = (patterns: string[], words: string[]): string[] =>
  patterns.flatMap((p) => words.map((w) => p.replace('*', w)));

const IMAGENET = [
  'a bad photo of a {}.',
  'a photo of many {}.',
  'a sculpture of a {}.',
  'a photo of the hard to see {}.',
  'a low resolution photo of the {}.',
  'a rendering of a {}.',
  'graffiti of a {}.',
  'a bad photo of the {}.',
  'a cropped photo of the {}.',
  'a tattoo of a {}.',
  'the embroidered {}.',
  'a photo of a hard to see {}.',
  'a bright photo of a {}.',
  'a photo of a clean {}.',
  'a photo of a dirty {}.',
  'a dark photo of the {}.',
  'a drawing of a {}.',
  'a photo of my {}.',
  'the plastic {}.',
  'a photo of the cool {}.',
  'a close-up photo of a {}.',
  'a black and white photo of the {}.',
  'a painting of the {}.',
  'a painting of a {}.',
  'a pixelated photo of the {}.',
  'a sculpture of the {}.',
  'a bright photo of the {}.',
  'a cropped photo of a {}.',
  'a plastic {}.',
  'a photo of the dirty {}.',
  'a jpeg corrupted photo of a {}.',
  'a blurry photo of the {}.',
  'a photo of the {}.',
  'a good photo of the {}.',
  'a rendering of the {}.',
  'a {} in a video game.',
  'a photo of one {}.',
  'a doodle of a {}.',
  'a close-up photo of the {}.',
  'a photo of a {}.',
  'the origami {}.',
  'the {} in a video game.',
  'a sketch of a {}.',
  'a doodle of the {}.',
  'a origami {}.',
  'a low resolution photo of a {}.',
  'the toy {}.',
  'a rendition of the {}.',
  'a photo of the clean {}.',
  'a photo of a large {}.',
  'a rendition of a {}.',
  'a photo of a nice {}.',
  'a photo of a weird {}.',
  'a blurry photo of a {}.',
  'a cartoon {}.',
  'art of a {}.',
  'a sketch of the {}.',
  'a embroidered {}.',
  'a pixelated photo of a {}.',
  'itap of the {}.',
  'a jpeg corrupted photo of the {}.',
  'a good photo of a {}.',
  'a plushie {}.',
  'a photo of the nice {}.',
  'a photo of the small {}.',
  'a photo of the weird {}.',
  'the cartoon {}.',
  'art of the {}.',
  'a drawing of the {}.',
  'a photo of the large {}.',
  'a black and white photo of a {}.',
  'the plushie {}.',
  'a dark photo of a {}.',
  'itap of a {}.',
  'graffiti of the {}.',
  'a toy {}.',
  'itap of my {}.',
  'a photo of a cool {}.',
  'a photo of a small {}.',
  'a tattoo of the {}.',
];

const BEST_SEVEN = [
  'itap of a {}.',
  'a bad photo of the {}.',
  'a origami {}.',
  'a photo of the large {}.',
  'a {} in a video game.',
  'art of the {}.',
  'a photo of the small {}.',
];

const CIFAR = each(
  [
    'a photo of *.',
    'a blurry photo of *.',
    'a black and white photo of *.',
    'a low contrast photo of *.',
    'a high contrast photo of *.',
    'a bad photo of *.',
    'a good photo of *.',
  ],
  ['a {}', 'the {}'],
).concat('a photo of a small {}.', 'a photo of a big {}.', 'a photo of the small {}.', 'a photo of the big {}.');

const ARTS = ['painting', 'sculpture', 'sketch', 'tattoo', 'rendition', 'drawing', 'doodle'];
const MADE = ['plastic', 'toy', 'embroidered', 'cartoon', 'plushie', 'origami'];
const CALTECH = ['a', 'the'].flatMap((article) => [
  `a photo of ${article} {}.`,
  ...ARTS.map((art) => `a ${art} of ${article} {}.`),
  ...MADE.map((made) => `${article} ${made} {}.`),
  `${article} {} in a video game.`,
  `art of ${article} {}.`,
  `graffiti of ${article} {}.`,
]);

const ACTIONS = ['using {}', 'doing {}', 'during {}', 'performing {}', 'practicing {}'];
const SHOWN = ['a photo of *.', 'a video of *.', 'a example of *.', 'a demonstration of *.'];

const set = (id: string, name: string, templates: string[], source = PROMPTS): TemplateSet => ({
  id,
  name,
  source,
  templates,
});

/** Used where nothing is chosen: the single caption every CLIP paper starts from. */
export const DEFAULT_TEMPLATES: readonly string[] = ['a photo of a {}.'];

export const TEMPLATE_SETS: readonly TemplateSet[] = [
  set('photo', 'A photo of a ...', [...DEFAULT_TEMPLATES]),
  set('imagenet-7', 'ImageNet, the best 7', BEST_SEVEN, NOTEBOOK),
  set('imagenet-80', 'ImageNet, all 80', IMAGENET, NOTEBOOK),
  set('cifar', 'CIFAR-10 and CIFAR-100', CIFAR),
  set('birdsnap', 'Birdsnap', ['a photo of a {}, a type of bird.']),
  set('caltech101', 'Caltech-101', CALTECH),
  set('cars', 'Stanford Cars', [
    'a photo of a {}.',
    'a photo of the {}.',
    'a photo of my {}.',
    'i love my {}!',
    'a photo of my dirty {}.',
    'a photo of my clean {}.',
    'a photo of my new {}.',
    'a photo of my old {}.',
  ]),
  set('clevr-counts', 'CLEVR counts', ['a photo of {} objects.']),
  set('country211', 'Country211', [
    'a photo i took in {}.',
    'a photo i took while visiting {}.',
    'a photo from my home country of {}.',
    'a photo from my visit to {}.',
    'a photo showing the country of {}.',
  ]),
  set(
    'dtd',
    'Describable Textures',
    each(['a photo of a {} *.', 'a photo of the {} *.'], ['texture', 'pattern', 'thing', 'object']),
  ),
  set('eurosat', 'EuroSAT', [
    'a centered satellite photo of {}.',
    'a centered satellite photo of a {}.',
    'a centered satellite photo of the {}.',
  ]),
  set('fer2013', 'Facial Emotion Recognition 2013', [
    'a photo of a {} looking face.',
    'a photo of a face showing the emotion: {}.',
    'a photo of a face looking {}.',
    'a face that looks {}.',
    'they look {}.',
    'look at how {} they are.',
  ]),
  set('fgvc-aircraft', 'FGVC Aircraft', [
    'a photo of a {}, a type of aircraft.',
    'a photo of the {}, a type of aircraft.',
  ]),
  set('flowers102', 'Flowers-102', ['a photo of a {}, a type of flower.']),
  set('food101', 'Food-101', ['a photo of {}, a type of food.']),
  set('gtsrb', 'GTSRB', [
    'a zoomed in photo of a "{}" traffic sign.',
    'a centered photo of a "{}" traffic sign.',
    'a close up photo of a "{}" traffic sign.',
  ]),
  set('kinetics700', 'Kinetics-700', each(SHOWN, ['{}', 'a person {}', ...ACTIONS.map((a) => `a person ${a}`)])),
  set('mnist', 'MNIST', ['a photo of the number: "{}".']),
  set('pets', 'Oxford Pets', ['a photo of a {}, a type of pet.']),
  set(
    'resisc45',
    'RESISC45',
    each(['satellite *.', 'aerial *.'], each(['imagery of *', 'photo of *', 'view of *'], ['{}', 'a {}', 'the {}'])),
  ),
  set('stl10', 'STL-10', ['a photo of a {}.', 'a photo of the {}.']),
  set('sun397', 'SUN397', ['a photo of a {}.', 'a photo of the {}.']),
  set('ucf101', 'UCF101', each(SHOWN, each(['a person *', 'the person *'], ['{}', ...ACTIONS]))),
];

/** The caption of one class. Throws `bad-request` for a template without "{}". */
export function captionOf(template: string, name: string): string {
  if (!template.includes('{}'))
    throw new LabError(
      'bad-request',
      `The template "${template}" has no {} for the class name. Write it where the name goes, as in "a photo of a {}."`,
    );
  return template.replaceAll('{}', () => name);
}

/** The captions of one class under each template. */
export const captionsFor = (templates: readonly string[] | string, name: string): string[] =>
  (typeof templates === 'string' ? [templates] : templates).map((template) => captionOf(template, name));

/** A folder's name as words: _ and - become spaces. */
export const className = (folder: string): string =>
  folder.replace(/[_-]+/g, ' ').replace(/\s+/g, ' ').trim() || folder;

/** What a class is called in captions: the words given for it, else its folder's name as words. */
export const wordsFor = (given: Readonly<Record<string, string>>, folder: string): string =>
  Object.hasOwn(given, folder) ? given[folder]! : className(folder);
