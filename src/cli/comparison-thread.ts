/** The program of a thread that runs one guest of a comparison. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Experiment, GuestRun } from '../laboratory/run.ts';
import type { Message, Order } from './comparison-protocol.ts';

/** Host milliseconds between messages about progress. */
const INTERVAL = 200;

const send = (message: Message): void => parentPort!.postMessage(message);

const run = new GuestRun(workerData as Experiment);
parentPort!.on('message', (order: Order) => {
  if (order.kind === 'restrict') run.restrict(order.instructions);
  else run.stop({ kind: 'interrupted' });
});
const timer = setInterval(
  () => send({ kind: 'progress', instructions: run.progress.instructions }),
  INTERVAL,
);
const report = await run.run();
clearInterval(timer);
send({ kind: 'report', report });
parentPort!.close();
