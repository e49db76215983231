/** `npm run vectors -- FILE… [--engine core|reference] [--show N]`: runs vector files from anywhere. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { Command, Option } from 'commander';
import { compare } from './compare.ts';
import { exceptionFor, unexcepted } from './exceptions.ts';
import { type EngineName, Harness } from './harness.ts';
import { parseVectors } from './vector.ts';

interface Tally {
  run: number;
  different: number;
  excepted: number;
}

const read = (file: string): string => {
  const bytes = readFileSync(file);
  return (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8');
};

const runFile = (harness: Harness, file: string, show: number, tallies: Map<string, Tally>): void => {
  let shown = 0;
  for (const vector of parseVectors(read(file))) {
    const name = vector.request.get('name') ?? '?';
    const tally = tallies.get(name) ?? { run: 0, different: 0, excepted: 0 };
    tallies.set(name, tally);
    if (exceptionFor(vector)) {
      tally.excepted++;
      continue;
    }
    tally.run++;
    const differences = unexcepted(vector, compare(vector, harness.run(vector)));
    if (differences.length === 0) continue;
    tally.different++;
    if (shown++ < show) {
      console.log(`${vector.request.get('id')} ${name} code=${vector.request.get('code')}`);
      for (const d of differences.slice(0, 5)) console.log(`    ${d}`);
    }
  }
};

const main = async (files: string[], options: { engine: EngineName; show: string }): Promise<number> => {
  const harness = await Harness.create(options.engine);
  const tallies = new Map<string, Tally>();
  for (const file of files) {
    try {
      runFile(harness, file, Number(options.show), tallies);
    } catch (error) {
      console.error(`vectors: ${file}: ${(error as Error).message}`);
      return 2;
    }
  }
  const total = { run: 0, different: 0, excepted: 0 };
  for (const [name, t] of [...tallies].sort(([a], [b]) => a.localeCompare(b))) {
    total.run += t.run;
    total.different += t.different;
    total.excepted += t.excepted;
    if (t.different) console.log(`${name.padEnd(24)} ${t.different} of ${t.run} differ`);
  }
  console.log(`${total.run} vectors on ${options.engine}: ${total.different} differ, ${total.excepted} excepted`);
  return total.different ? 1 : 0;
};

new Command('vectors')
  .description('Runs test vectors recorded on a real processor and prints the differences.')
  .argument('<file...>', 'vector files, plain or gzip')
  .addOption(new Option('--engine <name>', 'engine').choices(['core', 'reference']).default('core'))
  .option('--show <count>', 'differences shown for each file', '20')
  .action(async (files: string[], options) => {
    process.exitCode = await main(files, options);
  })
  .parseAsync();
