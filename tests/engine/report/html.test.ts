import { expect, test } from 'vitest';
import { exportAs } from '../../../electron/engine/report/outcome.ts';
import { sampleOutcome } from './sample.ts';

const html = (await exportAs(sampleOutcome(), 'report.html')) as string;
/** Without the font, which is one long data address. */
const bare = html.replace(/url\(data:[^)]+\)/g, 'url(FONT)');

test('asks no network: no address, no script, no foreign resource', () => {
  expect(bare).not.toMatch(/https?:|\/\/[a-z]/i);
  expect(bare).not.toMatch(/<(script|link|iframe|img|object|embed)\b/i);
  expect(bare).not.toMatch(/@import/);
  expect(bare.match(/url\([^)]*\)/g)).toEqual(['url(FONT)']);
  expect(html).toMatch(/url\(data:font\/woff2;base64,[A-Za-z0-9+/=]{40000,}\)/);
});

test('names from files are text, never markup', () => {
  expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(html).toContain('cat &amp; &lt;b&gt;&quot;dog&quot;&lt;/b&gt;');
});

test('has the chart in both themes, the table, the crossing, what was left out, the protocol and the machine', () => {
  expect(html.match(/<svg [^>]*viewBox="0 0 900 560"/g)).toHaveLength(2);
  expect(html).toContain('prefers-color-scheme:dark');
  for (const words of [
    'Linear probe',
    'k-NN',
    'The probe passes zero-shot at 4 labels per class',
    'premature end of data',
    'a cpu x 2',
    'ONNX Runtime 1.30.0',
    'a photo of a {}.',
    'no pretraining',
  ])
    expect(html).toContain(words);
});

test('opens the best fitted row and zero-shot, all seeds together', () => {
  const { report } = sampleOutcome();
  const best = report.results.filter((row) => row.method === 'linear-probe' && row.shots === 4);
  const right = best.reduce((sum, row) => sum + Math.round(row.accuracy * 30), 0);
  expect(html).toContain(`${right} of 90 predictions right, 3 seeds together`);
  expect(html).toContain('<h2>Zero-shot without labels</h2>');
});
