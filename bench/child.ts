/** Starts a program, waits until it prints what is asked for, and ends it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ExitCode } from '../src/cli/exit-codes.ts';

/** How a program is started. */
export interface Command {
  readonly file: string;
  readonly arguments: readonly string[];
}

/** What was measured until the awaited text came. */
export interface Measured {
  readonly kind: 'measured';
  /** From just before the process was made, milliseconds. */
  readonly milliseconds: number;
  /** Processor time the process has used, milliseconds; null where the system does not tell. */
  readonly processorTime: number | null;
  /** The most memory the process has had resident, bytes; null where the system does not tell. */
  readonly peakMemory: number | null;
}

export type Measurement = Measured | { readonly kind: 'failed'; readonly reason: string };

const running = new Set<ChildProcess>();
const endAll = (): void => {
  for (const child of running) child.kill('SIGKILL');
};
process.on('exit', endAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    endAll();
    process.exit(1);
  });

const procFile = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return '';
  }
};
/** proc(5): VmHWM is the peak of the resident set, in units of 1024 bytes. */
const peakMemoryOf = (pid: number): number | null => {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(procFile(pid, 'status'));
  return line ? Number(line[1]) * 1024 : null;
};
/** proc(5): utime and stime are the 12th and 13th field behind the name, in ticks of which Linux shows 100 a second. */
const processorTimeOf = (pid: number): number | null => {
  const fields = procFile(pid, 'stat').split(') ').at(-1)!.split(' ');
  return fields.length > 12 ? (Number(fields[11]) + Number(fields[12])) * 10 : null;
};

/** How much of the end of the output is kept for the search and for messages, characters. */
const TAIL = 2000;
const lastLine = (text: string): string =>
  text
    .trim()
    .split(/[\r\n]+/)
    .at(-1) ?? '';
/** The line of a program's last words that tells most. */
const complaint = (text: string): string => /^.*\b\w*[Ee]rror\b.*$/m.exec(text)?.[0] ?? lastLine(text);

/**
 * Runs a command until its standard output contains `text`, then kills it; to its end, or that of its limits, if
 * `text` is null. Its standard input stays open.
 * @param timeout milliseconds after which it has failed
 * @param onOutput is told all output, and when it came, in milliseconds from just before the process was made
 * @param then `wait` where the command goes on to its own end, within the same time
 */
export const measureUntil = (
  command: Command,
  text: string | null,
  timeout: number,
  onOutput: (chunk: string, milliseconds: number) => void = () => {},
  then: 'kill' | 'wait' = 'kill',
): Promise<Measurement> =>
  new Promise((resolve) => {
    let output = '';
    let errors = '';
    let measurement: Measurement | undefined;
    const started = performance.now();
    const child = spawn(command.file, command.arguments, { stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(child);
    const end = (what: Measurement): void => {
      if (measurement) return;
      measurement = what;
      if (then === 'wait' && what.kind === 'measured') return;
      clearTimeout(timer);
      child.kill('SIGKILL');
    };
    const fail = (reason: string): void => end({ kind: 'failed', reason });
    const timer = setTimeout(() => {
      fail(`not done after ${timeout / 1000} s; last line: ${lastLine(output)}`);
      child.kill('SIGKILL');
    }, timeout);
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => {
      const milliseconds = performance.now() - started;
      const piece = chunk.toString('latin1');
      onOutput(piece, milliseconds);
      output += piece;
      if (text !== null && output.includes(text)) {
        const pid = child.pid!;
        end({
          kind: 'measured',
          milliseconds,
          processorTime: processorTimeOf(pid),
          peakMemory: peakMemoryOf(pid),
        });
      }
      output = output.slice(-TAIL);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-TAIL);
    });
    child.on('error', (error) => fail(error.message));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (text === null && (code === ExitCode.ENDED || code === ExitCode.LIMIT))
        end({
          kind: 'measured',
          milliseconds: performance.now() - started,
          processorTime: null,
          peakMemory: null,
        });
      fail(`ended with ${signal ?? `code ${code}`}: ${complaint(errors) || lastLine(output)}`);
      running.delete(child);
      resolve(measurement!);
    });
  });
