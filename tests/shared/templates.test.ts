// OpenAI's template sets: their sizes, and that each is well formed; captions and class names.
import { describe, expect, it } from 'vitest';
import {
  captionOf,
  captionsFor,
  className,
  DEFAULT_TEMPLATES,
  TEMPLATE_SETS,
  wordsFor,
} from '../../shared/templates.ts';

const templates = (id: string) => TEMPLATE_SETS.find((s) => s.id === id)!.templates;

describe('template sets', () => {
  it('have the published sizes', () => {
    const sizes = {
      photo: 1,
      'imagenet-7': 7,
      'imagenet-80': 80,
      cifar: 18,
      caltech101: 34,
      dtd: 8,
      eurosat: 3,
      flowers102: 1,
      food101: 1,
      pets: 1,
      cars: 8,
      ucf101: 48,
      kinetics700: 28,
      resisc45: 18,
    };
    for (const [id, size] of Object.entries(sizes)) expect([id, templates(id).length]).toEqual([id, size]);
  });

  it('hold each template once, with one place for the name, and have their own ids', () => {
    expect(new Set(TEMPLATE_SETS.map((s) => s.id)).size).toBe(TEMPLATE_SETS.length);
    for (const { id, templates: list } of TEMPLATE_SETS) {
      expect(new Set(list).size, id).toBe(list.length);
      for (const template of list) expect(template.split('{}').length, `${id}: ${template}`).toBe(2);
    }
  });

  it('build composed sets as they were published', () => {
    expect(templates('cifar')).toEqual(
      expect.arrayContaining(['a photo of the {}.', 'a black and white photo of a {}.', 'a photo of the big {}.']),
    );
    expect(templates('caltech101')).toEqual(
      expect.arrayContaining([
        'a doodle of the {}.',
        'a embroidered {}.',
        'the {} in a video game.',
        'graffiti of a {}.',
      ]),
    );
    expect(templates('resisc45')).toEqual(
      expect.arrayContaining(['satellite imagery of {}.', 'aerial photo of the {}.', 'satellite view of a {}.']),
    );
    expect(templates('kinetics700')).toEqual(
      expect.arrayContaining([
        'a photo of {}.',
        'a demonstration of a person practicing {}.',
        'a video of a person {}.',
      ]),
    );
    expect(templates('ucf101')).toEqual(
      expect.arrayContaining(['a photo of the person using {}.', 'a example of a person {}.']),
    );
    expect(templates('dtd')).toEqual(expect.arrayContaining(['a photo of a {} texture.', 'a photo of the {} object.']));
    const eighty = new Set(templates('imagenet-80'));
    expect(templates('imagenet-7').every((t) => eighty.has(t))).toBe(true);
  });
});

describe('captions', () => {
  it('put the name where {} stands, whatever characters it holds', () => {
    expect(captionOf('a {} and a {}', "R$& '$1'")).toBe("a R$& '$1' and a R$& '$1'");
    expect(captionsFor(['a {}', 'the {}'], 'cat')).toEqual(['a cat', 'the cat']);
    expect(captionsFor('a {}', 'cat')).toEqual(['a cat']);
    expect(captionsFor(DEFAULT_TEMPLATES, 'cat')).toEqual(['a photo of a cat.']);
  });

  it('name a template that has no place for the name', () => {
    expect(() => captionOf('a photo', 'cat')).toThrow('The template "a photo" has no {}');
  });

  it('turn a folder into words', () => {
    expect(['golden_retriever', 'sea-horse', '__a--b_', 'Löwe', '_'].map(className)).toEqual([
      'golden retriever',
      'sea horse',
      'a b',
      'Löwe',
      '_',
    ]);
  });

  it('call a class by the words given for it, and by no word of the language', () => {
    expect(wordsFor({ rose: 'a red rose' }, 'rose')).toBe('a red rose');
    expect(wordsFor({ rose: '' }, 'tea_rose')).toBe('tea rose');
    expect(['constructor', 'toString', '__proto__'].map((name) => wordsFor({}, name))).toEqual([
      'constructor',
      'toString',
      'proto',
    ]);
  });
});
