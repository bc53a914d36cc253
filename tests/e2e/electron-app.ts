// Starts an app folder in the Electron that build/electron.ts found, with Playwright attached before the app is ready.
import { type ElectronApplication, _electron as electron } from '@playwright/test';
import { findElectron, launchArguments } from '../../build/electron.ts';

/** `env` decides over what the Electron itself needs. Throws why there is no Electron. */
export async function startElectron(folder: string, env: Record<string, string>): Promise<ElectronApplication> {
  const found = await findElectron();
  if ('missing' in found) throw new Error(found.missing);
  // No executablePath: given one, Playwright takes the app for a packed one and does not hold it back until it has attached;
  // a window that opens first is then sometimes never seen. It finds the binary by the electron package and this variable.
  Object.assign(process.env, found.env);
  return electron.launch({ args: [...launchArguments(), folder], env: { ...found.env, ...env } });
}
