/** `npm run bench:cpu`: programs in a guest, ours and the peers' time for each, in one run on the same files. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import recorded from '../guests/debian/checksums.json' with { type: 'json' };
import { COMMAND_LINE, MEMORY } from '../guests/debian/initramfs.ts';
import { BARE, USERLAND } from '../guests/debian/userland.ts';
import { measureUntil } from './child.ts';
import { chosen, count, hostName, names, note, releaseOf } from './common.ts';
import { type Boot, type Contestant, contestants, V86_ARGUMENT } from './contestants.ts';
import { type CpuReport, type CpuResult, cpuReportText, cpuSummary, wrongChecksums } from './cpu-report.ts';
import { MarkerReader } from './markers.ts';
import { runV86 } from './v86.ts';

interface Options {
  readonly workloads?: readonly string[];
  readonly rounds: number;
  readonly scale: number;
  readonly slow?: readonly string[];
  readonly roundsSlow: number;
  readonly bare?: true;
  readonly only?: readonly string[];
  readonly timeout: number;
  readonly files: string;
  readonly firmware: string;
  readonly output: string;
}

/** What both guests print last. */
const DONE = 'GUEST-DONE';
/** Integer rows: what v86 without its JIT is asked for, which takes it minutes. */
const SLOW = ['intmix', 'sha256', 'interp', 'fib'] as const;
const PEERS = ['ringdown bt', 'v86', 'v86 no JIT', 'qemu tcg'] as const;

const optionsOf = (argv: readonly string[]): Options =>
  new Command('bench:cpu')
    .description('Times programs in a Linux guest, here and in other machines, and compares their checksums.')
    .option('--workloads <names>', 'only these, separated by commas', names)
    .option('--rounds <n>', 'rounds of each', count, 3)
    .option('--scale <n>', 'units of work in a round', count, 1)
    .option('--slow <names>', `what v86 without its JIT runs, "none" for nothing (${SLOW})`, names)
    .option('--rounds-slow <n>', 'rounds of each there', count, 1)
    .option('--bare', 'the nanobenchmarks without an operating system instead; --rounds has no meaning there')
    .option(
      '--only <names>',
      'only these machines, separated by commas: beginnings of names as in the table; "ringdown native" runs only if named',
      names,
    )
    .option('--timeout <seconds>', 'give a machine up after so long', count, 3600)
    .option('--files <folder>', 'what npm run guest:debian -- --userland has made', '.guests/debian')
    .option('--firmware <folder>', "SeaBIOS' files, for v86", '/usr/share/seabios')
    .option('--output <file>', 'figures in JSON', 'bench/results/cpu.json')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<Options>();

/** The guest, and the rows it has to fill. */
const guestFor = (
  contestant: Contestant,
  options: Options,
): { boot: Boot; rows: readonly string[] | undefined } => {
  const asked = contestant.slow
    ? (options.slow ?? SLOW).filter(
        (w) => w !== 'none' && (options.slow !== undefined || (options.workloads?.includes(w) ?? true)),
      )
    : options.workloads;
  if (options.bare)
    return {
      boot: {
        kernel: resolve(options.files, BARE),
        commandLine: `quick${options.workloads ? ` only=${options.workloads.join(',')}` : ''}`,
        memory: MEMORY,
      },
      rows: options.workloads,
    };
  const rounds = contestant.slow ? options.roundsSlow : options.rounds;
  const wl = asked === undefined ? 'all' : asked.length === 0 ? 'none' : asked.join(',');
  return {
    boot: {
      kernel: resolve(options.files, 'vmlinuz'),
      initrd: resolve(options.files, USERLAND),
      commandLine: `${COMMAND_LINE} quiet wl=${wl} rounds=${rounds} scale=${options.scale}`,
      memory: MEMORY,
    },
    rows: asked,
  };
};

/** Runs all rows in one machine. */
const play = async (contestant: Contestant, options: Options): Promise<CpuResult> => {
  const { name, ours, absent } = contestant;
  const { boot, rows } = guestFor(contestant, options);
  if (absent !== null || rows?.length === 0) {
    return { name, ours, problem: absent, rounds: [] };
  }
  const reader = new MarkerReader();
  reader.onRound = (round) =>
    note(`${name}: ${round.name} ${round.milliseconds.toFixed(0)} ms, checksum ${round.checksum}`);
  note(`${name}: starts`);
  const measurement = await measureUntil(contestant.command(boot), DONE, options.timeout * 1000, (text, at) =>
    reader.receive(text, at),
  );
  const rounds = rows ? reader.rounds.filter((round) => rows.includes(round.name)) : reader.rounds;
  const missing = rows?.filter((row) => !rounds.some((round) => round.name === row)) ?? [];
  const problem =
    measurement.kind === 'failed'
      ? measurement.reason
      : [...reader.failures, ...missing.map((row) => `no ${row}`)].join('; ') || null;
  if (problem !== null) note(`${name}: ${problem}`);
  return { name, ours, problem, rounds };
};

const main = async (argv: readonly string[]): Promise<number> => {
  const options = optionsOf(argv);
  const kernel = resolve(options.files, 'vmlinuz');
  const missing = (
    options.bare ? [resolve(options.files, BARE)] : [kernel, resolve(options.files, USERLAND)]
  ).find((file) => !existsSync(file));
  if (missing) {
    note(`bench:cpu: ${missing} is missing: npm run guest:debian -- --userland makes it`);
    return 2;
  }
  const all = contestants({
    cli: resolve('dist/cli.js'),
    script: process.argv[1]!,
    firmware: resolve(options.firmware),
  });
  const selected = chosen(all, options.only ?? PEERS);
  if ('unknown' in selected) {
    note(`bench:cpu: --only ${selected.unknown}: none of ${all.map((c) => c.name).join(', ')}`);
    return 2;
  }

  const loadBefore = loadavg()[0]!;
  const results: CpuResult[] = [];
  for (const contestant of selected) results.push(await play(contestant, options));
  const report: CpuReport = {
    date: new Date().toISOString(),
    host: hostName(),
    node: process.version,
    load: [loadBefore, loadavg()[0]!],
    kernel: options.bare ? BARE : releaseOf(readFileSync(kernel)),
    memory: MEMORY,
    unit: options.bare ? 'ns' : 'ms',
    workloads: [...new Set(results.flatMap((r) => r.rounds.map((round) => round.name)))],
    checksums: recorded.checksums,
    results,
  };
  mkdirSync(resolve(options.output, '..'), { recursive: true });
  writeFileSync(options.output, `${JSON.stringify({ ...report, summary: cpuSummary(report) }, null, 2)}\n`);
  process.stdout.write(`${cpuReportText(report)}\n`);
  const failed = results.some((r) => r.ours && r.problem !== null);
  return failed || wrongChecksums(report).length > 0 ? 1 : 0;
};

if (process.argv[2] === V86_ARGUMENT) await runV86(JSON.parse(process.argv[3]!));
else process.exitCode = await main(process.argv);
