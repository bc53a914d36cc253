// What lies behind the best dots of a report: confusions, reliability and the most confident mistakes, over all seeds.
import { confusionMatrix, perClassRecall, reliabilityBins } from '../../../shared/metrics.ts';
import type { PointDetail, SummaryRow } from '../../../shared/report.ts';
import type { Outcome } from './outcome.ts';

export type Detail = {
  summary: SummaryRow;
  /** [true][predicted], summed over the seeds. */
  confusion: number[][];
  perClass: Record<string, number>;
  reliability: PointDetail['reliability'];
  /** Most confident first, at most 20. */
  wrong: { path: string; label: string; predicted: string; p: number; seed: number | null }[];
};

const MOST_WRONG = 20;

/** For each backbone its zero-shot row and the row with the highest mean accuracy. */
export function bestDetails(outcome: Outcome): Detail[] {
  const { summary } = outcome.report;
  const models = [...new Set(summary.map((row) => row.model))];
  const chosen = models.flatMap((model) => {
    const own = summary.filter((row) => row.model === model);
    const zero = own.filter((row) => row.shots === 0);
    const fitted = own.filter((row) => row.shots !== 0).sort((a, b) => b.mean - a.mean);
    return [...zero, ...fitted.slice(0, 1)];
  });
  return chosen.map((row) => detailOf(outcome, row));
}

export function detailOf({ report, test, row }: Outcome, summary: SummaryRow): Detail {
  const { classes } = report;
  const index = new Map(classes.map((name, c) => [name, c]));
  const truth = test.map((item) => index.get(item.label)!);
  const labels: number[] = [];
  const predicted: number[] = [];
  const confidence: number[] = [];
  const wrong: Detail['wrong'] = [];
  for (const { method, model, shots, seed } of report.results) {
    if (method !== summary.method || model !== summary.model || shots !== summary.shots) continue;
    const stored = row({ method, model, shots, seed });
    if (!stored) continue;
    for (const [i, label] of truth.entries()) {
      const said = stored.predicted[i]!;
      const p = stored.probability[i]!;
      labels.push(label);
      predicted.push(said);
      confidence.push(p);
      if (said !== label)
        wrong.push({ path: test[i]!.path, label: classes[label]!, predicted: classes[said]!, p, seed });
    }
  }
  const confusion = confusionMatrix(predicted, labels, classes.length);
  const right = predicted.map((said, i) => said === labels[i]);
  return {
    summary,
    confusion,
    perClass: perClassRecall(confusion, classes),
    reliability: reliabilityBins(confidence, right),
    wrong: wrong.sort((a, b) => b.p - a.p).slice(0, MOST_WRONG),
  };
}
