// Captions to token ids: tokenizer.json does the words (@huggingface/tokenizers), this file does what that library
// leaves out: the context length with the end token kept, and the padding each family was trained with.
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { LabError } from '../../../shared/contract.ts';
import type { OnnxHeader } from './onnx-header.ts';
import type { Json } from './preprocessing.ts';

export type TokenizerSettings = {
  /** tokenizer.json */
  file: string;
  config: Json;
  /** Longest sequence the model takes, special tokens counted. */
  context: number;
  /** The graph takes shorter rows too; whether it gives the same for them is tried when it is loaded. */
  dynamic: boolean;
  padToken: string | null;
};

/** Rows of `length` ids; `mask` is 1 where a token is, 0 where padding is. */
export type Tokens = { ids: BigInt64Array; mask: BigInt64Array; rows: number; length: number };

export type Encoder = {
  /** Ids of one text, special tokens added, not cut. */
  ids(text: string): number[];
  /** Padded to the context, as in training, or only to the longest of the batch. */
  batch(texts: string[], pad: 'context' | 'longest'): Tokens;
};

/** `header`: the text tower's inputs. */
export function readTokenizerSettings(file: string, config: Json, model: Json, header: OnnxHeader): TokenizerSettings {
  const text = (model.text_config ?? model) as Json;
  const sequence = header.inputs.find((input) => input.name === 'input_ids')?.shape[1];
  const limits = [sequence, text.max_position_embeddings, text.context_length, config.model_max_length].filter(
    (limit): limit is number => typeof limit === 'number' && limit > 0 && limit < 1e6,
  );
  const named = config.pad_token as string | { content: string } | null | undefined;
  return {
    file,
    config,
    context: limits.length > 0 ? Math.min(...limits) : 77,
    dynamic: typeof sequence !== 'number',
    padToken: typeof named === 'object' && named ? named.content : (named ?? null),
  };
}

/** Throws `bad-request` naming the file when it cannot be read. Loading takes 60-170 ms: do it off the main thread. */
export function openTokenizer(settings: TokenizerSettings): Encoder {
  let tokenizer: Tokenizer;
  let json: Json;
  try {
    json = JSON.parse(readFileSync(settings.file, 'utf8')) as Json;
    tokenizer = new Tokenizer(json, settings.config);
  } catch (error) {
    throw new LabError(
      'bad-request',
      `${settings.file} cannot be read as a tokenizer (${(error as Error).message}). Copy or download it again.`,
    );
  }
  const padding = json.padding as { pad_id?: number } | null;
  const filler =
    (settings.padToken === null ? undefined : tokenizer.token_to_id(settings.padToken)) ?? padding?.pad_id ?? 0;
  const ids = (text: string) => tokenizer.encode(text).ids;
  // the special tokens that close a text, such as CLIP's end token or BERT's [SEP]
  const closing = ids('').slice(-1);
  return {
    ids,
    batch(texts, pad) {
      const rows = texts.map((text) => truncate(ids(text), settings.context, closing));
      const length = pad === 'context' ? settings.context : Math.max(1, ...rows.map((row) => row.length));
      const out = new BigInt64Array(rows.length * length).fill(BigInt(filler));
      const mask = new BigInt64Array(rows.length * length);
      rows.forEach((row, at) => {
        row.forEach((id, position) => {
          out[at * length + position] = BigInt(id);
          mask[at * length + position] = 1n;
        });
      });
      return { ids: out, mask, rows: rows.length, length };
    },
  };
}

/** Cut to `context` ids, the closing tokens kept: they are what CLIP's text feature is read from. */
export function truncate(ids: number[], context: number, closing: number[]): number[] {
  if (ids.length <= context) return ids;
  const ends = closing.length > 0 && ids.slice(-closing.length).every((id, index) => id === closing[index]);
  return ends ? [...ids.slice(0, context - closing.length), ...closing] : ids.slice(0, context);
}
