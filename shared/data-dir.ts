// Where the lab keeps its data when nobody says otherwise: the same answer for the window, the server and the shell.

type Machine = { platform: string; home: string; env: Record<string, string | undefined> };

/** LAB_DATA_DIR, or the platform's usual place for an application's data. */
export function defaultDataDir({ platform, home, env }: Machine): string {
  if (env.LAB_DATA_DIR) return env.LAB_DATA_DIR;
  if (platform === 'win32') return `${env.APPDATA || `${home}\\AppData\\Roaming`}\\Fewshot Lab`;
  if (platform === 'darwin') return `${home}/Library/Application Support/Fewshot Lab`;
  return `${env.XDG_DATA_HOME || `${home}/.local/share`}/fewshot-lab`;
}
