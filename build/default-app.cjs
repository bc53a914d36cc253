// Stands in for Electron's default app, which the development Electron of build/electron.ts lacks: it loads the app folder
// given as argument. Copied to resources/app there; never shipped. Playwright passes `-r loader` before the folder.
const { app } = require('electron');
const fs = require('node:fs');
const path = require('node:path');

const argv = process.argv.slice(1);
const preloads = [];
let target = null;
for (let i = 0; i < argv.length && !target; i++) {
  if (argv[i] === '-r' || argv[i] === '--require') preloads.push(argv[++i]);
  else if (!argv[i].startsWith('-')) target = path.resolve(argv[i]);
}
for (const file of preloads) require(path.resolve(file));
if (!target) throw new Error('Give the app folder as argument.');

const folder = fs.statSync(target).isDirectory() ? target : path.dirname(target);
let entry = target;
const manifest = path.join(folder, 'package.json');
if (fs.existsSync(manifest)) {
  const { name, productName, version, main } = JSON.parse(fs.readFileSync(manifest, 'utf8'));
  app.setName(productName || name);
  app.setVersion(version);
  app.setPath('userData', path.join(app.getPath('appData'), productName || name));
  if (target === folder) entry = path.join(folder, main || 'index.js');
}
app.setAppPath(folder);
// As with the real one, the app's arguments begin after the folder.
process.argv.splice(1, process.argv.findIndex((each) => path.resolve(each) === target) - 1);
// An ES module loads after Electron is ready here; the lab's main file is CommonJS.
try {
  require('node:module')._load(entry, module, true);
} catch (error) {
  // Electron would show a box and wait for a click that no test gives.
  console.error(error);
  app.exit(1);
}
