// report.html: one file with everything in it (styles, font, charts), which opens anywhere and asks no network.
import { crossingSentences, modelCrossings, startOrders } from '../../../shared/chart/crossings.ts';
import { type Series, seriesName, seriesOf, shotsOf } from '../../../shared/chart/series.ts';
import { METHOD_STYLES } from '../../../shared/chart/style.ts';
import { capital, count, milliseconds, percent, percentWithInterval, points } from '../../../shared/chart/words.ts';
import type { Report, Shots, SummaryRow } from '../../../shared/report.ts';
import type { Detail } from './details.ts';
import { detailSection } from './html-detail.ts';
import { STYLE } from './html-style.ts';
import { escapeHtml as e, table } from './html-text.ts';

/** The report with its chart in both themes (as SVG) and what lies behind its best rows. */
export function reportHtml(report: Report, chart: { light: string; dark: string }, details: Detail[]): string {
  const series = seriesOf(
    report.summary,
    report.models.map((model) => model.id),
  );
  const title = `${report.dataset.name}: which way of adapting works best`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:">
<title>${e(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${e(title)}</h1>
<p class="muted">${e(facts(report))}</p>
</header>
<figure class="chart"><div class="light">${inline(chart.light)}</div><div class="dark">${inline(chart.dark)}</div></figure>
${answer(report, series)}
<h2>Accuracy, % (mean and half 95 % interval over seeds)</h2>
${accuracyTable(report, series)}
${metricsTable(report)}
${pairedTable(report)}
${details.map((detail) => detailSection(detail, report)).join('\n')}
${leftOut(report)}
${protocol(report)}
${environment(report)}
</main>
</body>
</html>
`;
}

/** Inside HTML the namespace is known, and a second copy of it would look like an address. */
const inline = (svg: string) => svg.replace(' xmlns="http://www.w3.org/2000/svg"', '');

const facts = (report: Report): string =>
  [
    count(report.counts.test, 'test image'),
    count(report.classes.length, 'class', 'classes'),
    count(report.protocol.seeds, 'seed'),
    report.models.map((model) => `${model.id}${model.pretrained ? '' : ' (no pretraining)'}`).join(', '),
    report.createdAt.slice(0, 16).replace('T', ' '),
  ]
    .filter(Boolean)
    .join(' · ');

/** What the chart proves, in sentences. */
function answer(report: Report, series: Series[]): string {
  const best = [...report.summary].sort((a, b) => b.mean - a.mean)[0];
  const sentences = best ? [bestSentence(best, report)] : ['No rows are there yet.'];
  sentences.push(
    ...crossingSentences(report.crossings, series, report.paired).map((one) => `${capital(one.sentence)}.`),
  );
  const folded = [...modelCrossings(series), ...startOrders(report.crossings, series)];
  sentences.push(...folded.map((sentence) => `${capital(sentence)}.`));
  const { chance, majority } = report.baselines;
  sentences.push(`Guessing gives ${percent(chance)} %, always the commonest training class ${percent(majority)} %.`);
  return `<ul class="answer">${sentences.map((sentence) => `<li>${e(sentence)}</li>`).join('')}</ul>`;
}

function bestSentence(best: SummaryRow, report: Report): string {
  const where =
    best.shots === 0
      ? 'without labels'
      : best.shots === 'all'
        ? 'with all labels'
        : `with ${count(best.shots, 'label')} per class`;
  const on = report.models.length > 1 ? ` on ${best.model}` : '';
  return `Best: ${METHOD_STYLES[best.method].name}${on} ${where}, ${percentWithInterval(best.mean, best.ci95)} %.`;
}

function accuracyTable(report: Report, series: Series[]): string {
  const shots = shotsOf(series);
  const rows = series.map((one) => {
    const cells = one.flat
      ? [
          `<td class="num" colspan="${Math.max(1, shots.length)}">${percentWithInterval(one.points[0]!.mean, null)}, without labels</td>`,
        ]
      : shots.map((s) => {
          const point = one.points.find((candidate) => candidate.shots === s);
          return `<td class="num">${point ? percentWithInterval(point.mean, point.ci95) : '–'}</td>`;
        });
    return `<tr><th scope="row">${chip(one.method)}${e(seriesName(one, report.models.length > 1))}</th>${cells.join('')}</tr>`;
  });
  const head = ['method', ...shots.map(shotsHead)].map((name) => `<th scope="col">${e(name)}</th>`).join('');
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>
<p class="muted">Columns: labelled images per class${validated(report)}.</p>`;
}

const shotsHead = (shots: Shots) => (shots === 'all' ? 'all' : String(shots));
const chip = (method: keyof typeof METHOD_STYLES) => `<span class="dot" style="background:var(--${method})"></span>`;

function validated(report: Report): string {
  const most = Math.max(0, ...report.results.map((row) => row.validation));
  return most > 0 ? `, + up to ${most} a class for validation where a method used them` : '';
}

function metricsTable(report: Report): string {
  const rows = report.summary.map((row) => [
    METHOD_STYLES[row.method].name,
    row.model,
    shotsHead(row.shots),
    String(row.seeds),
    percentWithInterval(row.mean, row.ci95),
    percent(row.macroF1),
    row.logLoss.toFixed(3),
    row.ece.toFixed(3),
    row.brier.toFixed(3),
    milliseconds(row.fitMs),
  ]);
  const head = [
    'method',
    'model',
    'shots',
    'seeds',
    'accuracy, %',
    'macro-F1, %',
    'log-loss, nats',
    'ECE',
    'Brier',
    'fit, ms',
  ];
  return fold('All measures, means over seeds', table(head, rows, 2));
}

function pairedTable(report: Report): string {
  if (report.paired.length === 0) return '';
  const rows = report.paired.map((pair) => [
    `${METHOD_STYLES[pair.method].name} − ${METHOD_STYLES[pair.over].name}`,
    pair.model,
    shotsHead(pair.shots),
    points(pair.mean),
    pair.ci95 === null ? '–' : `±${percent(pair.ci95)}`,
  ]);
  return fold(
    'Paired differences over the same seeds, percentage points of accuracy',
    table(['pair', 'model', 'shots', 'difference', '95 % interval'], rows, 2),
  );
}

function leftOut(report: Report): string {
  const omitted = report.omitted.map((one) => [
    [
      one.method && METHOD_STYLES[one.method].name,
      one.model,
      one.shots !== undefined && `${one.shots} shots`,
      one.seed !== undefined && `seed ${one.seed}`,
    ]
      .filter(Boolean)
      .join(', ') || 'all',
    one.reason,
  ]);
  const excluded = report.excluded.map((file) => [file.path, file.reason]);
  return [
    omitted.length ? `<h2>Rows that are not there</h2>${table(['rows', 'why'], omitted, 2)}` : '',
    excluded.length
      ? fold(`${count(excluded.length, 'file')} left out`, table(['file', 'why'], excluded, 2))
      : '<p class="muted">No file was left out.</p>',
  ].join('\n');
}

function protocol(report: Report): string {
  const { protocol: p, counts } = report;
  const zero = report.results.some((row) => row.method === 'zero-shot');
  const templates = zero
    ? [`Captions for zero-shot: ${p.templates.map((template) => `“${template}”`).join(', ')}.`]
    : [];
  const sentences = [
    `Split: ${p.splitSource || 'not known'}; ${counts.train} train, ${counts.val} validation, ${counts.test} test${counts.unlabelled ? `, ${counts.unlabelled} unlabelled` : ''}.`,
    `For each seed one permutation of every class's training images; the shot counts ${p.shots.join(', ')} are its nested prefixes, and all methods see the same images.`,
    p.validation,
    'Nothing is tuned on the test. Features are L2-normalised. Probabilities are clipped at 1e-15 for the log-loss; ECE has 15 bins; intervals are 95 % by Student’s t over seeds.',
    'A crossing is the first measured shot count at which the mean of one method exceeds that of another.',
    ...templates,
  ];
  return `<h2>Protocol</h2><ul>${sentences.map((sentence) => `<li>${e(sentence)}</li>`).join('')}</ul>`;
}

function environment(report: Report): string {
  const { environment: env } = report;
  const models = report.models.map((model) => [
    model.id,
    model.pretrained ? 'pretrained' : 'no pretraining',
    `${model.output}, ${model.dim} dimensions`,
    model.device,
    model.embedded ? `${count(model.embedded, 'image')} in ${(model.embedMs / 1000).toFixed(1)} s` : 'from the cache',
    model.licence ?? '–',
  ]);
  const facts = [
    ['dataset', report.dataset.path || report.dataset.name],
    ['lab', env.lab],
    ['runtime', `Node ${env.node}${env.onnxruntime ? `, ONNX Runtime ${env.onnxruntime}` : ''}`],
    ['machine', `${env.cpu}, ${env.platform}, ${count(env.threads, 'thread')}`],
    ['made', report.createdAt],
  ];
  return `<h2>Models and machine</h2>${table(['model', '', 'feature', 'device', 'embedded', 'licence'], models, 6)}${table([], facts, 2)}`;
}

const fold = (summary: string, body: string) => `<details><summary>${e(summary)}</summary>${body}</details>`;
