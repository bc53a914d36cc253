// Report sections that open a dot of the chart: confusions, classes, reliability, the most confident mistakes.
import { METHOD_STYLES } from '../../../shared/chart/style.ts';
import { count, labelsPerClass, percent } from '../../../shared/chart/words.ts';
import type { Report } from '../../../shared/report.ts';
import type { Detail } from './details.ts';
import { escapeHtml as e, table } from './html-text.ts';

/** Beyond this many classes a matrix cannot be read: the commonest confusions are listed instead. */
const MATRIX_CLASSES = 30;
const MOST_CONFUSIONS = 30;
const MOST_BARS = 40;

export function detailSection(detail: Detail, report: Report): string {
  const { summary, confusion } = detail;
  const total = confusion.flat().reduce((a, b) => a + b, 0);
  const right = confusion.reduce((sum, row, c) => sum + row[c]!, 0);
  const where = summary.shots === 0 ? 'without labels' : `with ${labelsPerClass(summary.shots)}`;
  const seeds = summary.seeds > 1 ? `, ${summary.seeds} seeds together` : '';
  const on = report.models.length > 1 ? ` on ${summary.model}` : '';
  return `<section>
<h2>${e(METHOD_STYLES[summary.method].name + on)} ${where}</h2>
<p class="muted">${right} of ${count(total, 'prediction')} right${seeds} · ECE ${summary.ece.toFixed(3)} · log-loss ${summary.logLoss.toFixed(3)} nats</p>
<div class="parts">
<div class="confusion${report.classes.length > 6 ? ' wide' : ''}"><h3>Confusions (rows: true class, columns: predicted)</h3>${confusions(confusion, report.classes)}</div>
<div class="bars"><h3>${report.classes.length > MOST_BARS ? `The ${MOST_BARS} classes of lowest recall, %` : 'Recall of each class, %'}</h3>${bars(detail.perClass)}</div>
<div><h3>Reliability (bar: accuracy in the bin; number: predictions)</h3>${reliability(detail.reliability)}</div>
</div>
${mistakes(detail)}
</section>`;
}

function confusions(confusion: number[][], classes: string[]): string {
  if (classes.length > MATRIX_CLASSES) return commonest(confusion, classes);
  const head = classes.map((name) => `<th scope="col">${e(name)}</th>`).join('');
  const rows = confusion.map((row, truth) => {
    const items = row.reduce((a, b) => a + b, 0);
    const cells = row.map((n, said) => {
      if (n === 0) return '<td></td>';
      const strength = (truth === said ? 0.15 + 0.6 * (n / items) : Math.min(0.85, 0.25 + 1.5 * (n / items))).toFixed(
        2,
      );
      return `<td style="background:rgb(var(--${truth === said ? 'right' : 'wrong'}) / ${strength})">${n}</td>`;
    });
    return `<tr><th scope="row">${e(classes[truth]!)}</th>${cells.join('')}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr><td></td>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function commonest(confusion: number[][], classes: string[]): string {
  const pairs = confusion
    .flatMap((row, truth) => row.map((n, said) => ({ truth, said, n })))
    .filter(({ truth, said, n }) => truth !== said && n > 0)
    .sort((a, b) => b.n - a.n)
    .slice(0, MOST_CONFUSIONS);
  const rows = pairs.map(({ truth, said, n }) => [classes[truth]!, classes[said]!, String(n)]);
  return table(['is', 'taken for', 'times'], rows, 2);
}

function bars(perClass: Record<string, number>): string {
  const all = Object.entries(perClass);
  const shown = all.length > MOST_BARS ? all.sort((a, b) => a[1] - b[1]).slice(0, MOST_BARS) : all;
  const rows = shown.map(
    ([name, recall]) =>
      `<tr><th scope="row">${e(name)}</th><td style="width:140px"><div class="bar" style="width:${percent(recall)}%"></div></td><td class="num">${percent(recall)}</td></tr>`,
  );
  return `<div class="scroll"><table><tbody>${rows.join('')}</tbody></table></div>`;
}

/** Accuracy of each confidence bin as a bar against the diagonal of a calibrated method. */
function reliability(bins: Detail['reliability']): string {
  const [size, left, bottom] = [240, 30, 240];
  const marks = bins.map((bin) => {
    if (bin.count === 0) return '';
    const [x, width] = [left + bin.lo * size, (bin.hi - bin.lo) * size - 1];
    const height = bin.accuracy * size;
    const label =
      width > 14
        ? `<text x="${x + width / 2}" y="${Math.max(10, bottom - height - 3)}" text-anchor="middle" style="font-size:8px">${bin.count}</text>`
        : '';
    return `<rect x="${x.toFixed(1)}" y="${(bottom - height).toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="rgb(var(--right) / .7)"><title>confidence ${percent(bin.confidence)} %, accuracy ${percent(bin.accuracy)} %, ${count(bin.count, 'prediction')}</title></rect>${label}`;
  });
  return `<svg width="290" height="280" viewBox="0 0 290 280" role="img" aria-label="Reliability diagram">
<rect x="${left}" y="0" width="${size}" height="${size}" fill="var(--sunken)"/>${marks.join('')}
<line x1="${left}" y1="${bottom}" x2="${left + size}" y2="0" stroke="var(--muted)" stroke-dasharray="4 4"/>
<text x="${left - 6}" y="10" text-anchor="end">100</text><text x="${left - 6}" y="${bottom}" text-anchor="end">0</text>
<text x="${left}" y="${bottom + 16}">0</text><text x="${left + size}" y="${bottom + 16}" text-anchor="end">100</text>
<text x="${left + size / 2}" y="${bottom + 32}" text-anchor="middle">confidence, %; upwards accuracy, %</text></svg>`;
}

function mistakes({ wrong }: Detail): string {
  if (wrong.length === 0) return '';
  const rows = wrong.map((one) => [
    one.path,
    one.label,
    one.predicted,
    one.p.toFixed(3),
    one.seed === null ? '–' : String(one.seed),
  ]);
  return `<details><summary>The ${wrong.length} most confident mistakes</summary>${table(['image', 'is', 'predicted', 'p', 'seed'], rows, 3)}</details>`;
}
