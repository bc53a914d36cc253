// Answers the addresses of a comparison's exports (shared/urls.ts).
import { LabError } from '../../../shared/contract.ts';
import { EXPORTS, type ExportName } from '../../../shared/urls.ts';
import type { Engine } from '../context.ts';
import { exportAs, storedOutcome } from './outcome.ts';

const TYPES: Record<ExportName, string> = {
  'report.json': 'application/json; charset=utf-8',
  'predictions.csv': 'text/csv; charset=utf-8',
  'chart.svg': 'image/svg+xml; charset=utf-8',
  'chart.png': 'image/png',
  'report.html': 'text/html; charset=utf-8',
};

/** Null for an address that is none of its own. */
export const exportHandler =
  ({ db }: Pick<Engine, 'db'>) =>
  async (request: Request): Promise<Response | null> => {
    const [, id, name] = /^\/export\/compare\/(\d+)\/([\w.]+)$/.exec(new URL(request.url).pathname) ?? [];
    if (!id || !isExport(name)) return null;
    try {
      const outcome = storedOutcome(db, Number(id));
      const body = await exportAs(outcome, name);
      const file = `${outcome.report.dataset.name.replace(/[^\w-]+/g, '-') || 'comparison'}-${id}-${name}`;
      return new Response(toBody(body), {
        headers: {
          'content-type': TYPES[name],
          'content-disposition': `attachment; filename="${file}"`,
          'cache-control': 'no-store',
        },
      });
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      return new Response(error.message, { status: 404, headers: { 'content-type': 'text/plain; charset=utf-8' } });
    }
  };

const isExport = (name: string | undefined): name is ExportName => (EXPORTS as readonly string[]).includes(name ?? '');

function toBody(content: string | Uint8Array | Iterable<string>): BodyInit {
  if (typeof content === 'string') return content;
  if (content instanceof Uint8Array) return content as Uint8Array<ArrayBuffer>;
  const pieces = content[Symbol.iterator]();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    pull(stream) {
      const { done, value } = pieces.next();
      if (done) stream.close();
      else stream.enqueue(encoder.encode(value));
    },
  });
}
