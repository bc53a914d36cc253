// Reads what options may hold besides plain words: templates, class names, shot counts, methods, models.
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { LabError } from '../../shared/contract.ts';
import { MAX_THREADS } from '../../shared/finetune.ts';
import { METHOD_IDS, type MethodId, type Shots } from '../../shared/report.ts';
import { TEMPLATE_SETS } from '../../shared/templates.ts';
import { className } from '../engine/datasets/layout.ts';
import { decodeText, delimiterIn, LENIENT_CSV } from '../engine/datasets/list-text.ts';
import { list, text, UsageError, type Values, whole } from './command.ts';
import type { Session } from './session.ts';

export function readShots(given: string): Shots[] {
  return list(given).map((part) => {
    if (part === 'all') return 'all';
    const shots = Number(part);
    if (!Number.isInteger(shots) || shots < 1)
      throw new UsageError(`--shots ${given}: "${part}" is neither a whole number from 1 on nor all.`);
    return shots;
  });
}

/** The names of providers, and auto: a slip of the pen is told before anything is opened. */
const DEVICES = ['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml'];

export function readDevice(values: Values): string | undefined {
  const given = text(values, 'device');
  if (given !== undefined && !DEVICES.includes(given))
    throw new UsageError(`--device: there is no device "${given}". There are: ${DEVICES.join(', ')}.`);
  return given;
}

export const readThreads = (values: Values): number | undefined => whole(values, 'threads', 0, MAX_THREADS);

export function readMethods(given: string): MethodId[] {
  const parts = list(given);
  if (parts.length === 0) throw new UsageError(`--methods names no method. There are: ${METHOD_IDS.join(', ')}.`);
  return parts.map((part) => {
    const method = METHOD_IDS.find((id) => id === part);
    if (!method) throw new UsageError(`--methods: there is no method "${part}". There are: ${METHOD_IDS.join(', ')}.`);
    return method;
  });
}

/** Each is a file (a template a line, or a JSON list), the name of a built-in set, or a template itself. */
export function readTemplates(given: string[]): string[] {
  const templates = given.flatMap((one) => {
    const set = TEMPLATE_SETS.find((candidate) => candidate.id === one);
    if (set) return [...set.templates];
    if (isFile(one)) {
      const lines = readLines(one);
      if (lines.length === 0) throw new UsageError(`--templates ${one}: the file holds no template.`);
      return lines;
    }
    if (!one.includes('{}'))
      throw new UsageError(
        `--templates ${one}: neither a file, nor a built-in set (${TEMPLATE_SETS.map((candidate) => candidate.id).join(', ')}), nor a template with {} for the class name.`,
      );
    return [one];
  });
  const wrong = templates.find((template) => !template.includes('{}'));
  if (wrong !== undefined) throw new UsageError(`--templates: "${wrong}" has no {} for the class name.`);
  return templates;
}

/** Words for captions: by class from a JSON object or a CSV of class,words; in the order of the classes from a list. */
export type ClassWords = Record<string, string> | string[];

/** Classes are spelt as the dataset spells them. Throws for a class named twice, and for one without a word. */
export function readClassNames(file: string): ClassWords {
  const parsed = parseClassNames(file);
  const words = Array.isArray(parsed)
    ? parsed.map(className)
    : Object.fromEntries(Object.entries(parsed).map(([name, word]) => [className(name), word]));
  for (const [of, word] of Object.entries(words))
    if (word.trim() === '')
      throw new LabError(
        'bad-request',
        Array.isArray(words) ? `${file}: name ${Number(of) + 1} is empty.` : `${file}: the class "${of}" has no words.`,
      );
  return words;
}

function parseClassNames(file: string): ClassWords {
  if (!isFile(file)) throw new LabError('not-found', `--class-names ${file}: there is no such file.`);
  if (/\.json$/i.test(file)) {
    const value = readJson(file);
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    if (
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every((one) => typeof one === 'string')
    )
      return value as Record<string, string>;
    throw new LabError('bad-request', `${file} holds neither a list of names nor an object of class: name.`);
  }
  const rows = csvRows(file);
  if (/^(class|label),(words?|names?|caption)$/i.test(String(rows[0]))) rows.shift();
  if (rows.every((row) => row.length === 1)) return rows.map(([name]) => name!);
  if (!rows.every((row) => row.length === 2))
    throw new LabError('bad-request', `${file}: every line needs one name, or a class and its name.`);
  const words = Object.fromEntries(rows.map(([name, word]) => [name!, word!]));
  const twice = rows.find(([name, word]) => words[name!] !== word);
  if (twice) throw new LabError('bad-request', `${file} names the class "${twice[0]}" twice.`);
  return words;
}

/** By class; a list must be as long as there are classes. Throws for a class that is not there. */
export function wordsByClass(words: ClassWords, classes: string[], file: string): Record<string, string> {
  if (Array.isArray(words)) {
    if (words.length !== classes.length)
      throw new LabError(
        'bad-request',
        `${file} lists ${words.length} names, the dataset has ${classes.length} classes (${preview(classes)}).`,
      );
    return Object.fromEntries(classes.map((name, c) => [name, words[c]!]));
  }
  const unknown = Object.keys(words).find((name) => !classes.includes(name));
  if (unknown !== undefined)
    throw new LabError(
      'bad-request',
      `${file} names the class "${unknown}", which the dataset does not have (${preview(classes)}).`,
    );
  return words;
}

export const preview = (names: string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');

// ---------------------------------------------------------------- models

/** The folders in which the models given by path lie: they are looked in first. */
export const modelParents = (models: string[]): string[] =>
  models.filter(isModelFolder).map((model) => path.dirname(path.resolve(model)));

/** ID, ID:OUTPUT or the path of a folder -> what compare.start takes. Throws `not-found` with the ids there are. */
export async function resolveModel({ running }: Session, given: string): Promise<{ id: string; output?: string }> {
  const store = running.engine.models;
  if (isModelFolder(given)) {
    const folder = realpathSync(given);
    const named = await store.get(path.basename(folder)).catch(() => null);
    return { id: named?.path && realpathSync(named.path) === folder ? named.id : folder };
  }
  try {
    return { id: (await store.get(given)).id };
  } catch (error) {
    // an output may have a colon of its own (before:image_embeds), and so may a folder
    for (const { index } of [...given.matchAll(/(?<=.):/g)].reverse()) {
      const info = await store.get(given.slice(0, index)).catch(() => null);
      if (!info) continue;
      const output = given.slice(index + 1);
      if (!info.outputs.includes(output))
        throw new LabError('bad-request', `${info.id} has no output "${output}". It has: ${info.outputs.join(', ')}.`);
      return { id: info.id, output };
    }
    throw error;
  }
}

const isModelFolder = (given: string) =>
  /[\\/]|^\.+$/.test(given) && (statSync(given, { throwIfNoEntry: false })?.isDirectory() ?? false);

// ---------------------------------------------------------------- files

const isFile = (file: string) => existsSync(file) && statSync(file).isFile();

function readLines(file: string): string[] {
  if (/\.json$/i.test(file)) {
    const value = readJson(file);
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    throw new LabError('bad-request', `${file} is not a list of strings.`);
  }
  const lines = decodeText(readFileSync(file))
    .split(/\r?\n/)
    .map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(decodeText(readFileSync(file)));
  } catch (error) {
    throw new LabError('bad-request', `${file} cannot be read as JSON: ${(error as Error).message}.`);
  }
}

function csvRows(file: string): string[][] {
  try {
    const content = decodeText(readFileSync(file));
    // without a header a semicolon may belong to a name
    const delimiter = /^"?(class|label)\b/i.test(content) ? delimiterIn(content) : ',';
    return parse(content, { ...LENIENT_CSV, delimiter, skip_empty_lines: true });
  } catch (error) {
    throw new LabError('bad-request', `${file} cannot be read as CSV: ${(error as Error).message}.`);
  }
}
