// A thread of the optimizer: it passes over its share of the weights whenever a step asks for it.
import { workerData } from 'node:worker_threads';
import { servePasses, type ThreadData } from '../training/passes.ts';
import './priority.ts';

servePasses(workerData as ThreadData);
