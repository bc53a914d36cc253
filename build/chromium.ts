// The Chromium that drives the browser tests: Debian's, else whatever the machine has.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
];

/** Its path; undefined when there is none. LAB_CHROMIUM names another. */
export function findChromium(): string | undefined {
  const own = chromium.executablePath();
  return process.env.LAB_CHROMIUM ?? [...PLACES, own].find((file) => existsSync(file));
}

/** Its path; throws naming the package. */
export function chromiumPath(): string {
  const found = findChromium();
  if (!found)
    throw new Error(
      'No Chromium here. On Debian: sudo apt-get install chromium; elsewhere: npx playwright install chromium.',
    );
  return found;
}

/** Quiet (no calls home), and without its sandbox only where root would be refused one. */
export const chromiumSwitches = (): string[] => [
  '--disable-background-networking',
  '--disable-component-update',
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
];
