// The README.md of a fine-tuned model, written from its run.
import type { FinetuneReport } from '../../../shared/finetune.ts';
import type { ExportFacts } from './export.ts';

/** What a card is written from; `alpha`: the point between the weights before (0) and after (1) that was saved. */
export type CardInput = { report: FinetuneReport; alpha: number };
export type Card = (facts: ExportFacts) => string;
