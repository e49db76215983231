/** Runs the guests of a comparison on threads, as many at a time as wanted, and always comes to an end. */
import { Worker } from 'node:worker_threads';
import { allowedInstructions, REFERENCE } from '../laboratory/compare.ts';
import type { Experiment, RunReport } from '../laboratory/run.ts';
import { isConcluded } from '../laboratory/verdict.ts';
import type { Message, Order } from './comparison-protocol.ts';

/** Host milliseconds after which a thread that was told to end its run is ended itself. */
const PATIENCE = 3000;

export interface PoolEvents {
  onStart(technique: string): void;
  onProgress(technique: string, instructions: number): void;
  onReport(report: RunReport): void;
}

/** A run of which nothing is known but how it ended. */
const without = (technique: string, end: RunReport['end']): RunReport => ({
  technique,
  end,
  place: null,
  statistics: null,
  samples: [],
  console: '',
  warnings: [],
});

export class ComparisonPool {
  readonly #events: PoolEvents;
  readonly #running = new Map<string, Worker>();
  readonly #reports = new Map<string, RunReport>();
  #interrupted = false;
  /** What every run may retire in all, once the reference has ended. */
  #allowed: number | undefined;

  constructor(events: PoolEvents) {
    this.#events = events;
  }
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /** @param threads runs at a time @returns a report for each experiment, in their order */
  async run(experiments: readonly Experiment[], threads: number): Promise<RunReport[]> {
    // The others may be cut short as soon as the reference has ended, so it goes first.
    const waiting = experiments.toSorted((a, b) => rank(a) - rank(b));
    const next = async (): Promise<void> => {
      for (let experiment = waiting.shift(); experiment; experiment = waiting.shift())
        this.#finish(await this.#start(experiment));
    };
    await Promise.all(Array.from({ length: Math.min(threads, experiments.length) }, next));
    return experiments.map(({ technique }) => this.#reports.get(technique)!);
  }
  /** Ends all runs; what they came to is reported still. */
  interrupt(): void {
    this.#interrupted = true;
    for (const worker of this.#running.values()) this.#end(worker);
  }
  #end(worker: Worker): void {
    worker.postMessage({ kind: 'interrupt' } satisfies Order);
    setTimeout(() => void worker.terminate(), PATIENCE).unref();
  }

  #finish(report: RunReport): void {
    this.#reports.set(report.technique, report);
    this.#events.onReport(report);
    if (report.technique !== REFERENCE || !report.statistics || !isConcluded(report.end)) return;
    this.#allowed = allowedInstructions(report.statistics.instructions);
    for (const worker of this.#running.values()) this.#restrict(worker);
  }
  #restrict(worker: Worker): void {
    if (this.#allowed === undefined) return;
    worker.postMessage({ kind: 'restrict', instructions: this.#allowed } satisfies Order);
  }

  #start(experiment: Experiment): Promise<RunReport> {
    const { technique } = experiment;
    if (this.#interrupted) return Promise.resolve(without(technique, { kind: 'interrupted' }));
    this.#events.onStart(technique);
    return new Promise((resolve) => {
      let report: RunReport | undefined;
      let failure: RunReport['end'] | undefined;
      const worker = new Worker(new URL('./comparison-thread.js', import.meta.url), {
        workerData: experiment,
      });
      this.#running.set(technique, worker);
      this.#restrict(worker);
      worker.on('message', (message: Message) => {
        if (message.kind === 'report') report = message.report;
        else this.#events.onProgress(technique, message.instructions);
      });
      worker.on('error', (error: Error) => {
        failure = { kind: 'failed', reason: error.message };
      });
      worker.on('exit', () => {
        this.#running.delete(technique);
        const ended = this.#interrupted ? 'interrupted' : undefined;
        const end = failure ?? (ended ? { kind: ended } : { kind: 'failed', reason: 'its thread ended' });
        resolve(report ?? without(technique, end as RunReport['end']));
      });
    });
  }
}

const rank = ({ technique }: Experiment): number => (technique === REFERENCE ? 0 : 1);
