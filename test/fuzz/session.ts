/** A run of the fuzzer over the cases of a seed: generates, compares, audits, minimises, counts. */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { vectorNames } from '../../src/x86/exceptions.ts';
import { audit } from './audit.ts';
import { type Case, formatCase, type ModeName } from './case.ts';
import { Contest, type ContestOptions, type Finding, pairName } from './contest.ts';
import { randomCase } from './generate.ts';
import { minimise } from './minimise.ts';

/** Cases between two audits of all machines. */
const AUDIT_INTERVAL = 1000;

/** A found case, ready to be a test. */
export interface Found {
  readonly seed: number;
  readonly pair: string;
  readonly difference: string;
  /** The minimised case as text. */
  readonly text: string;
}

export interface Tally {
  cases: number;
  executed: number;
  runs: number;
  /** Cases by mode, paging and what else they have; exceptions by vector; distinct opcodes executed. */
  readonly features: Record<string, number>;
  opcodes: number;
}

const featuresOf = (c: Case): string[] => {
  const features = [`mode ${c.mode}`];
  if (c.mode === 'p16' || c.mode === 'p32' || c.mode === 'segmented') features.push(`CPL ${c.cpl}`);
  features.push(c.mode === 'real' || c.mode === 'unreal' ? 'paging not yet' : `paging ${c.paging}`);
  if (c.deliver) features.push('through the IDT');
  if (c.wide) features.push('2 MiB');
  if (!c.a20) features.push('A20 off');
  if (c.pit) features.push('PC devices');
  if (c.interrupts) features.push('interrupts');
  if (!c.coherent) features.push('stale TLB');
  return features;
};

/** Counts the opcodes that are asked for, which translators do. */
class CountingDecoder implements Decoder {
  readonly #decoder: Decoder;
  readonly opcodes = new Set<number>();
  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }
  decode: Decoder['decode'] = (...args) => {
    const decoded = this.#decoder.decode(...args);
    if (decoded.kind === 'instruction') this.opcodes.add(decoded.instruction.opcode);
    return decoded;
  };
}

export class Session {
  readonly tally: Tally = { cases: 0, executed: 0, runs: 0, features: {}, opcodes: 0 };
  readonly #decoder: Decoder;
  readonly #counting: CountingDecoder;
  readonly #contest: Contest;
  readonly #beat: () => void;

  /** @param beat called between runs, so that somebody can see that they end */
  constructor(decoder: Decoder, options: ContestOptions = {}, beat: () => void = () => {}) {
    this.#decoder = decoder;
    this.#counting = new CountingDecoder(decoder);
    this.#contest = new Contest(this.#counting, options);
    this.#beat = beat;
  }

  /** Runs the case of a seed. @param mode only this */
  play(seed: number, mode?: ModeName): Found | undefined {
    this.#beat();
    const c = randomCase(seed, this.#decoder, mode === undefined ? {} : { mode });
    const finding = this.#contest.check(c, seed);
    this.#count(c);
    if (finding) return this.#found(seed, c, finding);
    if (this.tally.cases % AUDIT_INTERVAL !== 0) return undefined;
    const wrong = this.audit();
    return wrong === undefined
      ? undefined
      : { seed, pair: `one of the last ${AUDIT_INTERVAL} cases`, difference: wrong, text: formatCase(c) };
  }
  /** Runs one case in all ways. */
  replay(c: Case): Found | undefined {
    const finding = this.#contest.check(c);
    this.#count(c);
    return finding && this.#found(-1, c, finding);
  }
  /** @returns what the guests have done to what is not theirs */
  audit(): string | undefined {
    for (const machine of this.#contest.machines) {
      const wrong = audit(machine);
      if (wrong !== undefined) return `${machine.variant.name}: ${wrong}`;
    }
    return undefined;
  }

  #count(c: Case): void {
    const { tally } = this;
    tally.cases++;
    tally.executed = this.#contest.executed;
    tally.runs = this.#contest.runs;
    tally.opcodes = this.#counting.opcodes.size;
    for (const name of featuresOf(c)) tally.features[name] = (tally.features[name] ?? 0) + 1;
    for (const [vector, count] of this.#contest.takeVectors()) {
      const name = vectorNames[vector] ?? 'other vectors';
      tally.features[name] = (tally.features[name] ?? 0) + count;
    }
  }

  #found(seed: number, c: Case, { pair, difference }: Finding): Found {
    const contest = this.#contest;
    const small = minimise(c, (candidate) => {
      this.#beat();
      return contest.compare(candidate, pair) !== undefined;
    });
    return {
      seed,
      pair: pairName(pair),
      difference: contest.compare(small, pair) ?? difference,
      text: formatCase(small),
    };
  }
}

/** A found case as an entry of the list that `cases.test.ts` replays. */
export const asTest = ({ seed, pair, difference, text }: Found): string =>
  [
    `  {`,
    `    // Seed ${seed}. ${pair}: ${difference.split('\n')[0]}`,
    `    name: 'what this case shows',`,
    `    text: '${text}',`,
    `  },`,
  ].join('\n');
