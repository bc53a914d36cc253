// The thread that trains (workers/train.ts), asked and answered by message. One run each: closing it gives its memory back.
import { Worker } from 'node:worker_threads';
import { LabError } from '../../../shared/contract.ts';
import type { CaptionSetName } from '../training/caption-classifier.ts';
import type { Classifier, ClassifierSpec } from '../training/classifier.ts';
import type { RowKeys } from '../training/prefix-cache.ts';
import type { StepResult, TrainerOptions } from '../training/trainer.ts';
import { endThread } from '../workers/answers.ts';
import { workerFile } from '../workers/pool.ts';

/**
 * A micro-batch: pixels [batch, 3, height, width] and targets whose rows sum to 1: [batch, classes], or [batch, batch] against the
 * captions of the batch. `captions`: the rows of the captions that the images are trained against.
 */
export type MicroBatch = {
  pixels: Float32Array;
  targets: Float32Array;
  captions?: Int32Array;
  /** Given: what the frozen blocks make of the images is kept, and the pixels of kept ones may be anything. */
  keys?: RowKeys | undefined;
};

export type TrainRequest =
  /** Reads and differentiates; nothing large is allocated yet. */
  | { kind: 'plan'; spec: ClassifierSpec }
  | { kind: 'start'; options: Omit<TrainerOptions, 'threadFile'> }
  | { kind: 'step'; batches: MicroBatch[]; lr: number; clip: number }
  | { kind: 'forward'; pixels: Float32Array; weights: 'weights' | 'average'; keys?: RowKeys | undefined }
  /** Features of the captions of the run's classes or the control set's, with the weights as they are now. */
  | { kind: 'classes'; set: CaptionSetName }
  /** Weights, moments and averages in one file, written beside and renamed. */
  | { kind: 'checkpoint'; file: string; metadata: Record<string, string> }
  /** Answers with the checkpoint's metadata; goes on from it where its `key` is this one. */
  | { kind: 'resume'; file: string; key: string }
  /** The trained tensors alone. */
  | { kind: 'keep'; file: string; weights: 'weights' | 'average' }
  /** Sets the weights to before + alpha (kept - before). */
  | { kind: 'blend'; file: string; alpha: number }
  /** Writes the weights as they are now in the layout of the model's file (adapters merged), with the head's. */
  | { kind: 'export'; file: string }
  | { kind: 'memory' };

export type PlanInfo = Omit<Classifier, 'plan' | 'adapters' | 'noises' | 'captions' | 'blocks'> & { blocks: number };

export type TrainAnswer = {
  plan: PlanInfo;
  start: null;
  /** `kept`: whether all keys are kept from now on. */
  step: StepResult & { kept: boolean };
  /** [batch, classes], [batch, dim], and [batch, own classes] where they were asked for. */
  forward: { logits: Float32Array; features: Float32Array; own: Float32Array | null; kept: boolean };
  /** [classes, dim], rows of length 1. */
  classes: Float32Array;
  checkpoint: null;
  resume: Record<string, string>;
  keep: null;
  blend: null;
  export: null;
  memory: number;
};

export type TrainThread = {
  ask<K extends TrainRequest['kind']>(request: Extract<TrainRequest, { kind: K }>): Promise<TrainAnswer[K]>;
  close(): Promise<void>;
};

/** What a user can act on crosses as `unsupported`; a full disk as `no-space`. */
function errorOf(message: string, name: string): Error {
  if (name === 'TrainingError') return new LabError('unsupported', message);
  if (/ENOSPC|EDQUOT/.test(message))
    return new LabError(
      'no-space',
      `The disk that holds the lab’s data folder is full (${message}). Make room, then resume: the last checkpoint is kept.`,
    );
  return new Error(message);
}

export function startTrainThread(): TrainThread {
  const worker = new Worker(new URL(workerFile('train')));
  const pending = new Map<number, { resolve(value: never): void; reject(error: Error): void }>();
  let nextId = 1;
  let ended: Error | null = null;
  const end = (error: Error) => {
    ended ??= error;
    for (const { reject } of pending.values()) reject(ended);
    pending.clear();
  };
  worker.on('message', (message: { id: number; result: never } | { id: number; error: string; name: string }) => {
    const waiter = pending.get(message.id);
    pending.delete(message.id);
    if ('error' in message) waiter?.reject(errorOf(message.error, message.name));
    else waiter?.resolve(message.result);
  });
  worker.on('error', (error) => end(error));
  worker.on('exit', (code) => end(new Error(`the thread that trains ended (code ${code})`)));
  return {
    ask(request) {
      if (ended) return Promise.reject(ended);
      const id = nextId++;
      return new Promise<never>((resolve, reject) => {
        pending.set(id, { resolve, reject });
        worker.postMessage({ ...request, id });
      });
    },
    async close() {
      end(new LabError('cancelled', 'The run was closed.'));
      await endThread(worker);
    },
  };
}
