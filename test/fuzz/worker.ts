/** The thread that runs cases. The main thread watches that it comes forward, and ends it when it does not. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { createDecoder } from '../../src/decoder/decoder.ts';
import type { Message, Orders } from './protocol.ts';
import { Beat, caseSeed } from './protocol.ts';
import { Session } from './session.ts';
import { WholeMachines } from './whole-machine.ts';

const REPORT_INTERVAL = 1000;
/** Cases between two samples of the memory in use, which need a garbage collection. */
const SAMPLE_INTERVAL = 10_000;
const WHOLE_MACHINE_INTERVAL = 500;

const orders = workerData as Orders;
const beats = new Int32Array(orders.beats);
const post = (message: Message) => parentPort!.postMessage(message);

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const decoder = await createDecoder();
const session = new Session(decoder, orders, () => Atomics.add(beats, Beat.COUNT, 1));
const wholeMachines = new WholeMachines(decoder);

const run = async (): Promise<void> => {
  const end = orders.end;
  let reported = Date.now();
  for (let index = orders.first; Date.now() < end; index++) {
    Atomics.store(beats, Beat.INDEX, index);
    const seed = caseSeed(orders.seed, index);
    const found = session.play(seed);
    if (found) post({ kind: 'found', found });
    if (index % WHOLE_MACHINE_INTERVAL === WHOLE_MACHINE_INTERVAL - 1) {
      Atomics.add(beats, Beat.COUNT, 1);
      const wrong = await wholeMachines.play(seed);
      if (wrong) post({ kind: 'found', found: wrong });
    }
    if (index % SAMPLE_INTERVAL === SAMPLE_INTERVAL - 1) {
      // The memory of machines that are gone takes more than one collection to go.
      for (let i = 0; i < 3; i++) {
        collectGarbage();
        await new Promise((resolve) => setImmediate(resolve));
      }
      const { heapUsed, external, arrayBuffers } = process.memoryUsage();
      post({ kind: 'memory', bytes: heapUsed + external + arrayBuffers });
    }
    if (Date.now() - reported >= REPORT_INTERVAL) {
      reported = Date.now();
      post({ kind: 'progress', tally: session.tally });
    }
  }
  const wrong = session.audit();
  if (wrong)
    post({
      kind: 'found',
      found: { seed: -1, pair: 'one of the last cases', difference: wrong, text: '' },
    });
  post({ kind: 'done', tally: session.tally });
};

await run();
