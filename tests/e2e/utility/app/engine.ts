// An engine without its database: the real way into a utilityProcess (parent.ts), the real RPC, three calls and one file.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { openParent } from '../../../../electron/engine/parent.ts';
import { serve } from '../../../../shared/rpc.ts';
import { standInHandlers } from '../../../helpers/stand-in.ts';

const parent = openParent();
const engine = serve(
  {
    ...standInHandlers(),
    // Dies in the middle of a call.
    'dataset.delete': () => process.exit(7),
    // Begins and ends work, as a job does.
    'job.cancel': ({ id }) => {
      parent.send({ kind: 'busy', busy: id === 1 });
      return null as never;
    },
    'app.doctor': () => ({ checks: [{ name: 'process', ok: 'parentPort' in process, detail: String(process.pid) }] }),
  },
  () => {},
);
parent.onWire(engine.accept);
parent.onStop(() => process.exit(0));

const files = http.createServer((req, res) => {
  const allowed = req.headers.authorization === 'Bearer open sesame';
  res.writeHead(allowed ? 206 : 403).end(`${req.url} ${req.headers.range}`);
});
files.listen(0, '127.0.0.1', () => {
  const { port } = files.address() as AddressInfo;
  const [dataDir = ''] = process.argv.slice(2);
  parent.send({ kind: 'ready', files: `http://127.0.0.1:${port}`, secret: 'open sesame', dataDir, logFile: '' });
});
