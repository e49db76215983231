/** `npm run bench:boot`: the Linux boot, ours and the peers', in one run on the same files. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { COMMAND_LINE, MEMORY, PROMPT } from '../guests/debian/initramfs.ts';
import { type Report, type Result, reportText, type Sample, summary } from './boot-report.ts';
import { measureUntil } from './child.ts';
import { chosen, count, hostName, names, note, releaseOf } from './common.ts';
import { type Boot, type Contestant, contestants, V86_ARGUMENT } from './contestants.ts';
import { FIRST_OUTPUT, firstOutputGuest } from './first-output-guest.ts';
import { runV86 } from './v86.ts';

interface Options {
  readonly rounds: number;
  readonly roundsSlow: number;
  readonly quick?: true;
  readonly only?: readonly string[];
  readonly timeout: number;
  readonly files: string;
  readonly firmware: string;
  readonly output: string;
}

const optionsOf = (argv: readonly string[]): Options =>
  new Command('bench:boot')
    .description(
      'Times the boot of Debian Linux from process start to shell prompt, here and in other machines.',
    )
    .option('--rounds <n>', 'boots of each', count, 3)
    .option('--rounds-slow <n>', 'boots of what needs minutes', count, 1)
    .option('--quick', 'one round')
    .option('--only <names>', 'only these, separated by commas: beginnings of names as in the table', names)
    .option('--timeout <seconds>', 'give a boot up after so long', count, 400)
    .option('--files <folder>', 'vmlinuz and initrd.gz', '.guests/debian')
    .option('--firmware <folder>', "SeaBIOS' files, for v86", '/usr/share/seabios')
    .option('--output <file>', 'figures in JSON', 'bench/results/boot.json')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<Options>();

/** A contestant with what has been measured of it so far. */
interface Entry {
  readonly contestant: Contestant;
  readonly boots: Sample[];
  readonly starts: Sample[];
  problem: string | null;
}

/** One start and one boot of each, so that what else the host does hits all alike. */
const playRound = async (
  round: number,
  entries: readonly Entry[],
  linux: Boot,
  guest: Boot,
  options: Options,
): Promise<void> => {
  for (const entry of entries) {
    const { contestant } = entry;
    const limit = contestant.slow ? options.roundsSlow : options.rounds;
    if (entry.problem !== null || round > (options.quick ? 1 : limit)) continue;
    for (const [boot, text, samples, what] of [
      [guest, FIRST_OUTPUT, entry.starts, 'first output'],
      [linux, PROMPT, entry.boots, 'prompt'],
    ] as const) {
      const measurement = await measureUntil(contestant.command(boot), text, options.timeout * 1000);
      if (measurement.kind === 'measured') {
        const { kind: _, ...sample } = measurement;
        samples.push(sample);
        note(
          `round ${round}, ${contestant.name}: ${what} after ${(measurement.milliseconds / 1000).toFixed(2)} s`,
        );
      } else {
        entry.problem = `${what}: ${measurement.reason}`;
        note(`round ${round}, ${contestant.name}: ${entry.problem}`);
      }
    }
  }
};

const main = async (argv: readonly string[]): Promise<number> => {
  const options = optionsOf(argv);
  const linux: Boot = {
    kernel: resolve(options.files, 'vmlinuz'),
    initrd: resolve(options.files, 'initrd.gz'),
    commandLine: COMMAND_LINE,
    memory: MEMORY,
  };
  const missing = [linux.kernel, linux.initrd!].find((file) => !existsSync(file));
  if (missing) {
    note(`bench:boot: ${missing} is missing: npm run guest:debian fetches it`);
    return 2;
  }
  const all = contestants({
    cli: resolve('dist/cli.js'),
    script: process.argv[1]!,
    firmware: resolve(options.firmware),
  });
  const selected = chosen(all, options.only);
  if ('unknown' in selected) {
    note(`bench:boot: --only ${selected.unknown}: none of ${all.map((c) => c.name).join(', ')}`);
    return 2;
  }
  const entries = selected.map(
    (contestant): Entry => ({ contestant, boots: [], starts: [], problem: contestant.absent }),
  );

  const folder = mkdtempSync(join(tmpdir(), 'ringdown-bench-'));
  const loadBefore = loadavg()[0]!;
  try {
    const kernel = join(folder, 'first-output.elf');
    writeFileSync(kernel, firstOutputGuest());
    const guest: Boot = { kernel, commandLine: '', memory: MEMORY };
    const rounds = options.quick ? 1 : Math.max(options.rounds, options.roundsSlow);
    for (let round = 1; round <= rounds; round++) await playRound(round, entries, linux, guest, options);
  } finally {
    rmSync(folder, { recursive: true });
  }

  const report: Report = {
    date: new Date().toISOString(),
    host: hostName(),
    node: process.version,
    load: [loadBefore, loadavg()[0]!],
    kernel: releaseOf(readFileSync(linux.kernel)),
    commandLine: linux.commandLine,
    memory: linux.memory,
    results: entries.map(
      ({ contestant, boots, starts, problem }): Result => ({
        name: contestant.name,
        ours: contestant.ours,
        problem,
        boots,
        starts,
      }),
    ),
  };
  mkdirSync(resolve(options.output, '..'), { recursive: true });
  writeFileSync(options.output, `${JSON.stringify({ ...report, summary: summary(report) }, null, 2)}\n`);
  process.stdout.write(`${reportText(report)}\n`);
  return entries.some((e) => e.contestant.ours && e.problem !== null) ? 1 : 0;
};

if (process.argv[2] === V86_ARGUMENT) await runV86(JSON.parse(process.argv[3]!));
else process.exitCode = await main(process.argv);
