// The control set's accuracy, by captions and by a model's own classes, on rows small enough to do by hand.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  accuracyByCaptions,
  accuracyByOwnClasses,
  type LabelMatch,
  matchLabels,
  plainName,
} from '../../../electron/engine/finetune/control.ts';
import { sharedPath } from '../../helpers/shared.ts';

const matched = (match: LabelMatch | string): LabelMatch => {
  if (typeof match === 'string') throw new Error(match);
  return match;
};

describe('by captions', () => {
  it('each image goes to the class of the largest cosine', () => {
    const classes = Float32Array.of(1, 0, 0, 1, -0.6, 0.8);
    const images = Float32Array.of(5, 1, 0.1, 3, -0.5, 0.6, 2, 1.9);
    expect(accuracyByCaptions(images, classes, 2, [0, 1, 2, 0])).toBe(1);
    expect(accuracyByCaptions(images, classes, 2, [0, 1, 1, 1])).toBe(0.5);
    expect(accuracyByCaptions(new Float32Array(0), classes, 2, [])).toBe(0);
  });
});

describe('names', () => {
  it('are compared without case, marks and punctuation', () => {
    expect(plainName('  African_Elephant ')).toBe('african elephant');
    expect(plainName('Café-au-lait')).toBe('cafe au lait');
    expect(plainName('猫')).toBe('猫');
  });

  it('match a synonym of a label, several labels of one name, and singulars', () => {
    const labels = [
      'background',
      'tench, Tinca tinca',
      'crane',
      'sports car, sport car',
      'crane',
      'fox squirrel',
      'daisy',
    ];
    const match = matched(matchLabels(['Tinca_tinca', 'cranes', 'sports car', 'Daisies', 'dog'], labels));
    expect(match).toEqual({ classes: [0, 1, 2, 3], own: [[1], [2, 4], [3], [6]], unmatched: ['dog'] });
  });

  it('refuse by name when there is nothing to tell apart', () => {
    expect(matchLabels(['dog', 'cat'], ['rose', 'tulip'])).toMatch(/^None .* own 2: dog, cat are not/);
    expect(matchLabels(['dog', 'rose'], ['rose', 'tulip'])).toMatch(/^Only one .*: dog is not/);
    const many = Array.from({ length: 12 }, (_, i) => `thing ${i}`);
    expect(matchLabels(many, ['rose', 'tulip'])).toMatch(/thing 7 and 4 more/);
  });

  const model = sharedPath('models/mobilenet-v2-imagenet/config.json');
  it.skipIf(!model || !existsSync(model))(
    'of ImageNet are found among MobileNet’s own (needs models/mobilenet-v2-imagenet)',
    () => {
      const labels = Object.values(
        (JSON.parse(readFileSync(model!, 'utf8')) as { id2label: Record<string, string> }).id2label,
      );
      expect(
        matched(matchLabels(['daisy', 'Golden Retriever', 'tabby', 'speedboats', 'airliner'], labels)).unmatched,
      ).toEqual([]);
      expect(matched(matchLabels(['airplane', 'tabby', 'airliner'], labels)).unmatched).toEqual(['airplane']);
    },
  );
});

describe('by own classes', () => {
  it('the largest logit among the matched classes decides; items of others do not count', () => {
    const match: LabelMatch = { classes: [0, 2], own: [[3], [0, 1]], unmatched: ['x'] };
    const logits = Float32Array.of(
      ...[0, 0, 9, 1], // class 0: right, though label 2 is largest
      ...[0, 2, 9, 1], // class 2: right by its second label
      ...[5, 0, 0, 1], // class 0: wrong
      ...[5, 5, 5, 5], // class 1 is not known
    );
    const result = accuracyByOwnClasses(logits, match, [0, 2, 0, 1]);
    expect(result.items).toBe(3);
    expect(result.accuracy).toBeCloseTo(2 / 3, 12);
  });
});
