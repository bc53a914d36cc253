// Tries an execution provider on a tiny graph: does it load, are its numbers right, how fast is it?

export type Trial = {
  ok: boolean;
  reason: string | null;
  /** One run of the large matrices, to rank providers; reckoned from the small ones where those are slow already. */
  milliseconds: number;
};

/** Sides of the square matrices: three products of the small ones show whether it works, of the largest how fast it is. */
const SIDES = [64, 256, 1024];
const LARGEST = 1024;
/** Longer for one size, and the next is reckoned: a graphics driver in software would take minutes. */
const TOO_SLOW_MS = 25;

/** Throws never: what fails is the reason. */
export async function tryProvider(provider: string): Promise<Trial> {
  const failed = (reason: string): Trial => ({ ok: false, reason, milliseconds: 0 });
  try {
    const { InferenceSession, Tensor, listSupportedBackends } = (await import('onnxruntime-node')).default;
    if (!listSupportedBackends().some((backend) => backend.name === provider))
      return failed(`onnxruntime-node for ${process.platform} ${process.arch} is built without it.`);
    const session = await InferenceSession.create(trialGraph(), {
      executionProviders: [provider],
      logSeverityLevel: 4,
    });
    /** Best of three, in ms; NaN when the numbers are wrong. */
    const time = async (side: number): Promise<number> => {
      const x = new Tensor('float32', new Float32Array(side * side).fill(1 / side), [side, side]);
      let best = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 3; run++) {
        const start = performance.now();
        const values = (await (await session.run({ x })).y!.getData()) as Float32Array;
        best = Math.min(best, performance.now() - start);
        // 1/side everywhere, multiplied with itself, stays 1/side
        if (!values.every((value) => Math.abs(value * side - 1) < 1e-2)) return Number.NaN;
      }
      return best;
    };
    let milliseconds = 0;
    for (const side of SIDES) {
      const taken = await time(side);
      if (Number.isNaN(taken)) return failed('It loads, but its numbers are wrong on a matrix product.');
      milliseconds = taken * (LARGEST / side) ** 3;
      if (taken > TOO_SLOW_MS) break;
    }
    await session.release();
    return { ok: true, reason: null, milliseconds };
  } catch (error) {
    return failed(plainReason(error instanceof Error ? error.message : String(error)));
  }
}

/** The runtime's messages carry a source path and a condition; the user wants the end of it. */
export function plainReason(message: string): string {
  if (message.includes('Failed to load shared library'))
    return 'Its libraries are not here: they come with onnxruntime-node’s own install script, which needs the network.';
  const last = /(?:was false\.|FAIL\s*:)\s*([\s\S]*)$/.exec(message)?.[1] ?? message;
  const clean = last.replace(/\s+/g, ' ').trim();
  return clean.length > 300 ? `${clean.slice(0, 300)}...` : clean;
}

/** An ONNX file: y = ((x x) x) x, opset 13. Written here as protobuf bytes, for it is smaller than a reader of one. */
function trialGraph(): Uint8Array {
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
  const int = (field: number, n: number) => [...varint(field * 8), ...varint(n)];
  const block = (field: number, bytes: number[]) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
  const text = (field: number, value: string) => block(field, [...Buffer.from(value)]);
  const node = (a: string, b: string, out: string) =>
    block(1, [...text(1, a), ...text(1, b), ...text(2, out), ...text(4, 'MatMul')]);
  const side = block(1, text(2, 'n'));
  const value = (field: number, name: string) =>
    block(field, [...text(1, name), ...block(2, block(1, [...int(1, 1), ...block(2, [...side, ...side])]))]);
  const graph = [
    ...node('x', 'x', 'a'),
    ...node('a', 'x', 'b'),
    ...node('b', 'x', 'y'),
    ...text(2, 'trial'),
    ...value(11, 'x'),
    ...value(12, 'y'),
  ];
  return Uint8Array.from([...int(1, 8), ...block(7, graph), ...block(8, [...text(1, ''), ...int(2, 13)])]);
}
