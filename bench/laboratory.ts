/** `npm run bench:laboratory`: what looking at a run costs, and whether binary translation is nearly free. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { COMMAND_LINE, MEMORY, PROMPT } from '../guests/debian/initramfs.ts';
import { type Command as ChildCommand, measureUntil } from './child.ts';
import { count, hostName, note, releaseOf } from './common.ts';
import { median, mediansOf, show, table } from './figures.ts';

interface Options {
  readonly rounds: number;
  readonly instructions: string;
  readonly timeout: number;
  readonly files: string;
  readonly output: string;
}

const optionsOf = (argv: readonly string[]): Options =>
  new Command('bench:laboratory')
    .description('Times a boot as it is, counted, profiled, in lockstep and compared, and prints the ratios.')
    .option('--rounds <n>', 'rounds of each', count, 3)
    .option('--instructions <n>', 'how much of the boot, such as 1G', '7G')
    .option('--timeout <seconds>', 'give a run up after so long', count, 1200)
    .option('--files <folder>', 'what npm run guest:debian has made', '.guests/debian')
    .option('--output <file>', 'figures in JSON', 'bench/results/laboratory.json')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(argv)
    .opts<Options>();

/** What is timed: arguments of `ringdown`, behind the guest and its limits. */
const runs = (folder: string) =>
  ({
    native: ['run', '--technique', 'native'],
    bt: ['run', '--technique', 'bt'],
    'bt with statistics': [
      'run',
      '--technique',
      'bt',
      '--stats',
      'json',
      '--stats-file',
      join(folder, 's.json'),
    ],
    'bt with a report': ['run', '--technique', 'bt', '--report', join(folder, 'r.html')],
    'bt profiled': ['audit', '--technique', 'bt', '--json', join(folder, 'a.json')],
    'lockstep of native and bt': ['diverge', '--between', 'native,bt'],
    'comparison of native and bt': ['compare', '--techniques', 'native,bt'],
  }) as const satisfies Readonly<Record<string, readonly string[]>>;
type Run = keyof ReturnType<typeof runs>;

/** A ratio that is promised: the sum of some times over the sum of others. */
interface Promised {
  readonly what: string;
  readonly of: Run;
  readonly over: readonly Run[];
  readonly most: number | null;
}
const PROMISES: readonly Promised[] = [
  { what: 'binary translation over no monitor', of: 'bt', over: ['native'], most: 1.15 },
  { what: 'statistics', of: 'bt with statistics', over: ['bt'], most: 1.05 },
  { what: 'statistics over time and a report', of: 'bt with a report', over: ['bt'], most: null },
  { what: 'a profile of every instruction', of: 'bt profiled', over: ['bt'], most: null },
  {
    what: 'lockstep over the sum of its runs',
    of: 'lockstep of native and bt',
    over: ['native', 'bt'],
    most: 4,
  },
  {
    what: 'comparison over the sum of its runs',
    of: 'comparison of native and bt',
    over: ['native', 'bt'],
    most: 1,
  },
];

const main = async (argv: readonly string[]): Promise<number> => {
  const options = optionsOf(argv);
  const [kernel, initrd] = ['vmlinuz', 'initrd.gz'].map((file) => resolve(options.files, file));
  const missing = [kernel, initrd].find((file) => !existsSync(file!));
  if (missing) {
    note(`bench:laboratory: ${missing} is missing: npm run guest:debian fetches it`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'ringdown-bench-'));
  const commands = runs(folder);
  const names = Object.keys(commands) as Run[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Run, number[]>;
  const problems: string[] = [];
  const loadBefore = loadavg()[0]!;
  const commandOf = ([command, ...more]: readonly string[]): ChildCommand => ({
    file: process.execPath,
    arguments: [
      resolve('dist/cli.js'),
      command!,
      kernel!,
      '--initrd',
      initrd!,
      '--append',
      COMMAND_LINE,
      '-m',
      `${MEMORY}M`,
      ...(command === 'run' ? ['--no-reboot'] : []),
      '--until',
      PROMPT,
      '--max-instructions',
      options.instructions,
      ...more,
    ],
  });
  try {
    for (let round = 1; round <= options.rounds; round++)
      for (const name of names) {
        const measured = await measureUntil(commandOf(commands[name]), null, options.timeout * 1000);
        if (measured.kind === 'measured') times[name].push(measured.milliseconds);
        else problems.push(`${name}: ${measured.reason}`);
        note(
          `round ${round}, ${name}: ${measured.kind === 'measured' ? `${(measured.milliseconds / 1000).toFixed(2)} s` : measured.reason}`,
        );
      }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const time = (name: Run) => median(times[name]);
  const promises = PROMISES.map(({ what, of, over, most }) => {
    const all = over.map(time);
    const whole = all.includes(null) ? null : all.reduce((sum: number, one) => sum + one!, 0);
    const part = time(of);
    const ratio = part !== null && whole ? part / whole : null;
    return { what, ratio, most };
  });
  const load = [loadBefore, loadavg()[0]!] as const;
  const report = {
    date: new Date().toISOString(),
    host: hostName(),
    node: process.version,
    load,
    kernel: releaseOf(readFileSync(kernel!)),
    times,
    promises,
    problems,
  };
  mkdirSync(resolve(options.output, '..'), { recursive: true });
  writeFileSync(options.output, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(
    `${[
      `${report.kernel} to the prompt, at most ${options.instructions} instructions; ${mediansOf(options.rounds)}`,
      '',
      table([['measured', 's'], ...names.map((name) => [name, show(time(name) && time(name)! / 1000, 2)])]),
      '',
      table([
        ['ratio', 'is', 'at most'],
        ...promises.map(({ what, ratio, most }) => [what, show(ratio, 3), show(most, 2)]),
      ]),
      '',
      ...problems,
      `${report.host}, Node ${report.node}, load ${load.map((l) => l.toFixed(1)).join(' to ')}`,
    ].join('\n')}\n`,
  );
  return problems.length > 0 ? 1 : 0;
};

process.exitCode = await main(process.argv);
