// Which key presses are which combination.
import { expect, test } from 'vitest';
import { keyText, matches } from '../../../renderer/ui/keys.ts';

const press = (key: string, more: Partial<Parameters<typeof matches>[1]> = {}) => ({
  key,
  code: '',
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...more,
});

test('letters mind Ctrl, Alt and Shift', () => {
  expect(matches('Ctrl+K', press('k', { ctrlKey: true }))).toBe(true);
  expect(matches('Ctrl+K', press('k', { metaKey: true }))).toBe(true);
  expect(matches('Ctrl+K', press('k'))).toBe(false);
  expect(matches('C', press('c'))).toBe(true);
  expect(matches('C', press('c', { ctrlKey: true }))).toBe(false);
  expect(matches('Ctrl+O', press('O', { ctrlKey: true, shiftKey: true }))).toBe(false);
  expect(matches('Ctrl+Shift+O', press('O', { ctrlKey: true, shiftKey: true }))).toBe(true);
});

test('a sign is the same sign with or without Shift', () => {
  expect(matches('?', press('?', { shiftKey: true }))).toBe(true);
  expect(matches('/', press('/'))).toBe(true);
  expect(matches('Ctrl+,', press(',', { ctrlKey: true }))).toBe(true);
});

test('Alt and a digit go by the place of the key, as a Mac writes another sign', () => {
  expect(matches('Alt+1', press('¡', { code: 'Digit1', altKey: true }))).toBe(true);
  expect(matches('Alt+1', press('™', { code: 'Digit2', altKey: true }))).toBe(false);
});

test('keys as people read them', () => {
  expect(keyText('ArrowLeft')).toBe('←');
  expect(keyText('F2')).toBe('F2');
  expect(keyText('c')).toBe('C');
  expect(keyText('Alt+1')).toMatch(/1$/);
});
