/** Guest blocks beside their translations, with what a run has executed of them. */
import type { Block } from '../cache/block.ts';
import type { BlockProfile } from '../cache/profile.ts';
import { createDecoder } from '../decoder/decoder.ts';
import { formatInstruction } from '../decoder/format.ts';
import type { Decoder } from '../decoder/instruction.ts';
import type { Outcome } from '../index.ts';
import { Mode } from '../translator/mode.ts';
import type { ProfiledRun } from './profiled-run.ts';
import type { SymbolTable } from './symbols.ts';
import {
  describeTranslation,
  type Exit,
  type TranslatedInstruction,
  type Translation,
} from './translation.ts';

export interface ExplainedInstruction {
  readonly linear: number;
  /** Hexadecimal. */
  readonly bytes: string;
  readonly text: string;
  readonly executions: number;
  /** Null when the block is no longer in the cache. */
  readonly translated: TranslatedInstruction | null;
}

export interface ExplainedBlock {
  /** Linear address at which it was translated first. */
  readonly linear: number;
  readonly physical: number;
  readonly symbol: string | null;
  /** The guest's CPL then. */
  readonly cpl: number;
  /** What the translation depends on besides the bytes; names of translator/mode.ts. */
  readonly mode: readonly string[];
  /** Times that it was entered at its start, and instructions executed in it. */
  readonly entries: number;
  readonly executed: number;
  /** Of all instructions of the run, 0 to 1. */
  readonly share: number;
  readonly guestBytes: number;
  readonly instructions: readonly ExplainedInstruction[];
  /** Null when it is no longer in the cache. */
  readonly translation: Omit<Translation, 'instructions' | 'exits'> | null;
  readonly exits: readonly (Exit & { readonly symbol: string | null })[];
}

export interface Explanation {
  readonly technique: string;
  readonly outcome: Outcome;
  readonly instructions: number;
  /** The most executed first; none when nothing was translated there. */
  readonly blocks: readonly ExplainedBlock[];
}

/** Which blocks: those that a linear address lies in, or so many of those that execute most. */
export type Wanted = { readonly linear: number } | { readonly hottest: number };

const executedIn = ({ executions }: BlockProfile): number => executions.reduce((a, b) => a + b, 0);

/** Linear addresses of a block's instructions. */
const addressesIn = ({ linear, lengths }: BlockProfile): number[] => {
  let at = linear;
  return Array.from(lengths, (length) => {
    const address = at >>> 0;
    at += length;
    return address;
  });
};

const startsWith = (bytes: Uint8Array, start: Uint8Array): boolean =>
  start.every((byte, i) => byte === bytes[i]);

/**
 * Blocks of fewer instructions than usual, made for one time, begin where others begin: what was executed of them
 * counts as executed of the longest that begins like them.
 */
const withoutPieces = (blocks: readonly BlockProfile[]): BlockProfile[] => {
  const wholes = new Map<string, BlockProfile[]>();
  for (const block of blocks.toSorted((a, b) => b.bytes.length - a.bytes.length)) {
    const key = `${block.physical} ${block.mode} ${block.cpl}`;
    const known = wholes.get(key) ?? [];
    const whole = known.find(({ bytes }) => startsWith(bytes, block.bytes));
    if (whole) for (const [i, n] of block.executions.entries()) whole.executions[i]! += n;
    else wholes.set(key, [...known, { ...block, executions: block.executions.slice() }]);
  }
  return [...wholes.values()].flat();
};

/** The block in the cache that was made from this code; it is valid, so its code is what memory holds. */
const keptBlock = ({ physical, mode, bytes }: BlockProfile, { machine }: ProfiledRun): Block | undefined => {
  const block = machine.processor.cache.find(physical, mode);
  const same = Array.from(bytes).every((byte, i) => machine.memory.read(physical + i, 1) === byte);
  return block?.length === bytes.length && (same || block.secondPage >= 0) ? block : undefined;
};

const explained = (
  profile: BlockProfile,
  run: ProfiledRun,
  decoder: Decoder,
  symbols: SymbolTable,
): ExplainedBlock => {
  const { machine } = run;
  const { physical, linear, cpl, mode, bytes, lengths, executions } = profile;
  const block = keptBlock(profile, run);
  const translation = block ? describeTranslation(machine.memory, block) : null;
  const bits = mode & Mode.CODE32 ? 32 : 16;
  let at = 0;
  const instructions = addressesIn(profile).map((address, i): ExplainedInstruction => {
    const length = lengths[i]!;
    const decoded = decoder.decode(bytes, at, length, address, bits);
    const code = bytes.subarray(at, at + length);
    at += length;
    return {
      linear: address,
      bytes: Array.from(code, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
      text: decoded.kind === 'instruction' ? formatInstruction(decoded.instruction) : '(undefined)',
      executions: executions[i]!,
      translated: translation?.instructions[i] ?? null,
    };
  });
  const executed = executedIn(profile);
  return {
    linear,
    physical,
    symbol: symbols.at(linear) ?? null,
    cpl,
    mode: Object.entries(Mode).flatMap(([name, bit]) => (mode & bit ? [name] : [])),
    entries: executions[0]!,
    executed,
    share: machine.processor.retired === 0 ? 0 : executed / machine.processor.retired,
    guestBytes: bytes.length,
    instructions,
    translation: translation && {
      guard: translation.guard,
      records: translation.records,
      recordBytes: translation.recordBytes,
      incoming: translation.incoming,
    },
    exits: (translation?.exits ?? []).map((exit) => ({
      ...exit,
      symbol: exit.kind === 'direct' ? (symbols.at(exit.linear) ?? null) : null,
    })),
  };
};

/** @param run one that is over */
export const explain = async (
  run: ProfiledRun,
  wanted: Wanted,
  symbols: SymbolTable,
): Promise<Explanation> => {
  const decoder = await createDecoder();
  const { machine, outcome } = run;
  const all = withoutPieces(machine.processor.profile!.blocks());
  const holds = (linear: number) => (block: BlockProfile) =>
    block.linear <= linear && linear < block.linear + block.bytes.length;
  const chosen = 'linear' in wanted ? all.filter(holds(wanted.linear)) : all;
  const most = 'linear' in wanted ? chosen.length : wanted.hottest;
  const blocks = chosen.sort((a, b) => executedIn(b) - executedIn(a) || a.linear - b.linear).slice(0, most);
  return {
    technique: machine.technique,
    outcome,
    instructions: machine.processor.retired,
    blocks: blocks.map((block) => explained(block, run, decoder, symbols)),
  };
};
