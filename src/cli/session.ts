/** One run of a guest, from loading its files to the exit code. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createMachine, LoadError, type Machine, MachineError, type Outcome } from '../index.ts';
import { ConsoleRecord } from '../laboratory/console-record.ts';
import { RunRecorder } from '../laboratory/run-record.ts';
import { Console } from './console.ts';
import { ExitCode, signalExitCode } from './exit-codes.ts';
import { type LoggerOf, openLog } from './logging.ts';
import type { Plan } from './plan.ts';
import { openReport, type ReportFile } from './report-file.ts';
import { ResultFile } from './result-file.ts';
import { formatStatistics } from './statistics-text.ts';
import { UserError } from './user-error.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Instructions in a nanosecond of guest time above which a guest works; one that waits needs far fewer. */
const BUSY = 0.01;

/** Why a run ends although the guest would go on. */
type Interruption = 'quit' | 'reached' | 'broken-pipe' | UserError | (typeof signals)[number];

/** Runs a guest as planned. @returns the exit code @throws UserError, LoadError or MachineError */
export const runGuest = async (plan: Plan): Promise<number> => {
  const session = new Session(plan, await openLog(plan.logLevel));
  return session.run();
};

class Session {
  readonly #plan: Plan;
  readonly #log: LoggerOf;
  readonly #console: Console;
  readonly #statisticsFile: ResultFile | undefined;
  readonly #report: ReportFile | undefined;
  #recorder: RunRecorder | undefined;
  #machine: Machine | undefined;
  #interruption: Interruption | undefined;

  constructor(plan: Plan, log: LoggerOf) {
    this.#plan = plan;
    this.#log = log;
    const { statisticsFile, report } = plan;
    this.#statisticsFile = statisticsFile === undefined ? undefined : new ResultFile(statisticsFile);
    this.#report = report === undefined ? undefined : openReport(report);
    this.#console = new Console(plan, {
      onInput: (port, bytes) => this.#machine?.sendSerial(bytes, port),
      onBreak: (port) => this.#machine?.pc.serial[port].receiveBreak(),
      onQuit: () => this.#interrupt('quit'),
      onFailure: (error) => this.#interrupt(error),
      backlog: (port) => this.#machine?.pc.serial[port].backlog ?? 0,
    });
  }

  #interrupt(by: Interruption): void {
    // Asked again, or before there is anything to end in order: leave at once.
    if (typeof by === 'string' && by.startsWith('SIG') && (this.#interruption || !this.#machine))
      process.exit(signalExitCode(by as NodeJS.Signals));
    this.#interruption ??= by;
    this.#log('cli').info({ by: String(by) }, 'interrupted');
    this.#machine?.stop();
  }

  async run(): Promise<number> {
    const onSignal = (signal: NodeJS.Signals) => this.#interrupt(signal as Interruption);
    for (const signal of signals) process.on(signal, onSignal);
    let outcome: Outcome;
    try {
      outcome = await this.#runToEnd();
    } finally {
      await this.#console.close(this.#interruption === undefined || this.#interruption === 'reached');
    }
    return this.#conclude(outcome);
  }
  async #runToEnd(): Promise<Outcome> {
    const image = await this.#plan.load();
    for (;;) {
      const machine = await this.#boot(image);
      const outcome = await machine.run(this.#plan.limits);
      this.#log('machine').info(outcome, 'the run ended');
      if (outcome.kind !== 'reset' || !this.#plan.reboot || this.#interruption !== undefined) return outcome;
      // A guest that does nothing but reset must not keep signals and output waiting.
      await nextTurn();
    }
  }

  async #boot(image: Awaited<ReturnType<Plan['load']>>): Promise<Machine> {
    const { machine: options, until } = this.#plan;
    const sent = new ConsoleRecord();
    const machine = await createMachine({
      ...options,
      onSerial: (port, byte) => {
        this.#console.serial(port, byte);
        if (port !== 0) return;
        this.#recorder?.serial(byte);
        if (until === undefined) return;
        sent.put(byte);
        if (sent.endsWith(until)) this.#interrupt('reached');
      },
      onDebugConsole: (byte) => this.#console.debug(byte),
      onWarning: (message) => {
        this.#console.report(`warning: ${message}`);
        this.#log('machine').warn({}, message);
      },
    });
    machine.load(image);
    this.#log('loader').info({ kernel: image.name, bytes: image.kernel.length }, 'loaded');
    if (this.#report) this.#recorder = new RunRecorder(machine, image);
    const again = this.#machine !== undefined;
    this.#machine = machine;
    if (this.#interruption !== undefined) machine.stop();
    if (!again) this.#console.attach(this.#progress());
    return machine;
  }
  /** How the guest that runs at the moment gets on. */
  #progress() {
    let before = { instructions: 0, nanoseconds: 0 };
    return {
      instructions: () => this.#machine!.processor.retired,
      isBusy: () => {
        const now = {
          instructions: this.#machine!.processor.retired,
          nanoseconds: this.#machine!.clock.now(),
        };
        const busy = now.instructions - before.instructions > BUSY * (now.nanoseconds - before.nanoseconds);
        before = now;
        return busy;
      },
    };
  }

  async #conclude(outcome: Outcome): Promise<number> {
    const machine = this.#machine!;
    if (this.#interruption instanceof UserError) throw this.#interruption;
    if (outcome.kind === 'shutdown') {
      const { describeProcessor } = await import('../debug/post-mortem.ts');
      this.#console.report(outcome.reason);
      this.#console.write(`${(await describeProcessor(machine)).join('\n')}\n`);
    }
    if (outcome.kind === 'halted')
      this.#console.report('the guest halted with interrupts disabled: nothing can wake it');
    if (outcome.kind === 'limit')
      this.#console.report(
        outcome.reached === 'time'
          ? 'the guest was stopped when its time was up'
          : `the guest was stopped behind ${machine.processor.retired.toLocaleString('en')} instructions`,
      );
    this.#writeStatistics(machine);
    if (this.#report) await this.#report.write(await this.#page(outcome));
    return this.#exitCode(outcome);
  }
  #writeStatistics(machine: Machine): void {
    const { statistics: format } = this.#plan;
    if (format === undefined) return;
    const statistics = machine.statistics();
    const text =
      format === 'json'
        ? `${JSON.stringify(statistics)}\n`
        : formatStatistics(statistics, format === 'short' ? 'short' : 'long');
    if (this.#statisticsFile !== undefined) this.#statisticsFile.write(text);
    else this.#console.write(text);
  }
  async #page(outcome: Outcome) {
    const { runPage } = await import('../report/run-page.ts');
    return runPage(this.#recorder!.finish(outcome));
  }
  #exitCode(outcome: Outcome): number {
    const by = this.#interruption;
    if (by === 'broken-pipe') return signalExitCode('SIGPIPE');
    if (typeof by === 'string' && by !== 'quit' && by !== 'reached') return signalExitCode(by);
    if (outcome.kind === 'limit') return ExitCode.LIMIT;
    if (outcome.kind === 'exit') return outcome.status & 0xff;
    return outcome.kind === 'shutdown' ? ExitCode.SHUTDOWN : ExitCode.ENDED;
  }
}

/** Whether an error says all that there is to say to the user. */
export const isForUser = (error: unknown): error is Error =>
  error instanceof UserError || error instanceof LoadError || error instanceof MachineError;
