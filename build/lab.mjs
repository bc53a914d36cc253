// `npm run lab -- ...`: the shell. It runs the TypeScript as it is, so nothing has to be built, and installs nothing by itself.
import { isReady, runUnderNode24, say } from './setup.mjs';

if (!isReady()) {
  say(
    'The packages are not installed yet. Run `npm start` or `npm test` once, or: ONNXRUNTIME_NODE_INSTALL=skip npm ci',
  );
  process.exit(1);
}
const args = process.argv.slice(2);
// A server computes at a lower priority than the browser, which Linux compares by session (engine/workers/priority.ts).
runUnderNode24('electron/cli/main.ts', args, args[0] === 'serve' && process.platform === 'linux');
