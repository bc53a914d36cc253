// Settings as they come over the line: a change of one is a change of that one.
import { expect, test } from 'vitest';
import { calls, settingsShape } from '../../shared/contract.ts';

test('what is not named is not set', () => {
  expect(calls['settings.set'].parse({ theme: 'dark' })).toEqual({ theme: 'dark' });
  expect(calls['settings.set'].parse({})).toEqual({});
  expect(() => calls['settings.set'].parse({ threads: -1 })).toThrow();
  expect(settingsShape.parse({})).toMatchObject({ theme: 'system', threads: 0, demoMade: false });
});
