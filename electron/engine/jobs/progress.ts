// How fast a job goes and how long it will take, from the progress it reports.

export type Pace = {
  /** Units a second over the last ten seconds; null until there is half a second to judge by. */
  rate: number | null;
  secondsLeft: number | null;
};

const WINDOW_MS = 10_000;
const LEAST_MS = 500;

/** Keeps a sliding window of (time, done) and forgets it when the total changes: that is another phase. */
export function createPace(now: () => number = Date.now) {
  let samples: { at: number; done: number }[] = [];
  let lastTotal = -1;
  return (done: number, total: number): Pace => {
    const at = now();
    if (total !== lastTotal || (samples.length > 0 && done < samples[samples.length - 1]!.done)) samples = [];
    lastTotal = total;
    samples.push({ at, done });
    while (samples.length > 2 && samples[0]!.at < at - WINDOW_MS) samples.shift();
    const first = samples[0]!;
    if (at - first.at < LEAST_MS || done <= first.done) return { rate: null, secondsLeft: null };
    const rate = ((done - first.done) * 1000) / (at - first.at);
    return { rate, secondsLeft: total > 0 ? Math.max(0, total - done) / rate : null };
  };
}
