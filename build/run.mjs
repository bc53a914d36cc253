// `node build/run.mjs SCRIPT ...`: what every npm script goes through. Sets up what a fresh clone lacks, then runs the script
// under Node 24, whatever Node npm itself runs on.
import { runUnderNode24 } from './setup.mjs';

const [script, ...args] = process.argv.slice(2);
runUnderNode24(script, args);
