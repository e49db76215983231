/**
 * The audit: every sensitive and privileged instruction of a guest, found in its file and in a run of it, with what
 * is known of it and how often it was executed.
 */
import type { BlockProfile } from '../cache/profile.ts';
import { createDecoder } from '../decoder/decoder.ts';
import { formatInstruction } from '../decoder/format.ts';
import type { Decoder, Instruction } from '../decoder/instruction.ts';
import type { KernelImage, Outcome } from '../index.ts';
import { sensitivityOf } from '../techniques/sensitive.ts';
import { Mode } from '../translator/mode.ts';
import type { SensitiveInstruction } from '../x86/sensitive-instructions.ts';
import { type CodeRange, codeRanges } from './code-ranges.ts';
import { type HotPage, hotPages } from './heat.ts';
import type { ProfiledRun } from './profiled-run.ts';
import { scanCode } from './static-scan.ts';
import type { SymbolTable } from './symbols.ts';

/** One sensitive instruction at one place. */
export interface AuditedSite {
  /** Key of `instructions`. */
  readonly name: string;
  /** As a listing has it. */
  readonly text: string;
  /** Hexadecimal. */
  readonly bytes: string;
  /** Where it lies; a run may reach it by other linear addresses as well. */
  readonly linear: number;
  readonly physical: number;
  readonly symbol: string | null;
  /** How it was found in the file: see static-scan.ts. */
  readonly inFile: 'followed' | 'swept' | null;
  /** Whether the run translated it. */
  readonly translated: boolean;
  readonly executions: number;
  /** The same by the guest's CPL when the code was translated, from 0 to 3. */
  readonly byCpl: readonly [number, number, number, number];
}

/** All sites of one instruction, and the facts about it. */
export interface AuditedInstruction extends SensitiveInstruction {
  /** In the file: as in AuditedSite. */
  readonly sitesFollowed: number;
  readonly sitesSwept: number;
  readonly sitesTranslated: number;
  readonly executions: number;
  readonly byCpl: readonly [number, number, number, number];
}

export interface AuditedRun {
  readonly technique: string;
  readonly outcome: Outcome;
  /** Instructions retired, sensitive or not. */
  readonly instructions: number;
  /** Of these the ones in code that was not told apart: see cache/profile.ts. */
  readonly unattributed: number;
  /** Instructions executed that naive trap-and-emulate would have trapped, and gotten silently wrong. */
  readonly trapping: number;
  readonly silent: number;
  /** Where all instructions were executed. */
  readonly pages: readonly HotPage[];
}

export interface Audit {
  readonly kernel: string;
  readonly file: {
    readonly ranges: readonly { readonly name: string; readonly linear: number; readonly bytes: number }[];
    readonly notes: readonly string[];
  };
  readonly run: AuditedRun | null;
  /** The most executed first. */
  readonly instructions: readonly AuditedInstruction[];
  readonly sites: readonly AuditedSite[];
}

type ByCpl = [number, number, number, number];
interface Site {
  readonly facts: SensitiveInstruction;
  readonly text: string;
  readonly bytes: string;
  readonly linear: number;
  readonly physical: number;
  inFile: AuditedSite['inFile'];
  translated: boolean;
  readonly byCpl: ByCpl;
}

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');
const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const added = (many: readonly (readonly number[])[]): ByCpl =>
  [0, 1, 2, 3].map((cpl) => sum(many.map((byCpl) => byCpl[cpl]!))) as ByCpl;

/** Sites by physical address and bytes: other bytes at the same address are another site. */
class Sites {
  readonly #sites = new Map<string, Site>();

  at(
    instruction: Instruction,
    facts: SensitiveInstruction,
    code: Uint8Array,
    linear: number,
    physical: number,
  ): Site {
    const bytes = hexOf(code);
    const key = `${physical} ${bytes}`;
    const known = this.#sites.get(key);
    if (known) return known;
    const text = formatInstruction(instruction);
    const made: Site = {
      facts,
      text,
      bytes,
      linear,
      physical,
      inFile: null,
      translated: false,
      byCpl: [0, 0, 0, 0],
    };
    this.#sites.set(key, made);
    return made;
  }
  all(): Site[] {
    return [...this.#sites.values()];
  }
}

const readFile = (decoder: Decoder, range: CodeRange, starts: readonly number[], sites: Sites): void => {
  const { bytes, linear, physical } = range;
  for (const { instruction, offset, followed } of scanCode(decoder, range, starts)) {
    const facts = sensitivityOf(instruction);
    if (!facts) continue;
    const code = bytes.subarray(offset, offset + instruction.length);
    const site = sites.at(instruction, facts, code, linear + offset, physical + offset);
    site.inFile = followed ? 'followed' : 'swept';
  }
};

const readProfile = (decoder: Decoder, blocks: readonly BlockProfile[], sites: Sites): void => {
  for (const { physical, linear, cpl, mode, bytes, lengths, executions } of blocks) {
    const bits = mode & Mode.CODE32 ? 32 : 16;
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      const decoded = decoder.decode(bytes, at, length, linear + at, bits);
      const facts = decoded.kind === 'instruction' ? sensitivityOf(decoded.instruction) : undefined;
      if (decoded.kind === 'instruction' && facts) {
        const code = bytes.subarray(at, at + length);
        const site = sites.at(decoded.instruction, facts, code, linear + at, physical + at);
        site.translated = true;
        site.byCpl[cpl]! += executions[i]!;
      }
      at += length;
    }
  }
};

const summarised = (
  name: string,
  sites: readonly AuditedSite[],
  facts: SensitiveInstruction,
): AuditedInstruction => ({
  ...facts,
  name,
  sitesFollowed: sites.filter(({ inFile }) => inFile === 'followed').length,
  sitesSwept: sites.filter(({ inFile }) => inFile === 'swept').length,
  sitesTranslated: sites.filter(({ translated }) => translated).length,
  executions: sum(sites.map(({ executions }) => executions)),
  byCpl: added(sites.map(({ byCpl }) => byCpl)),
});

export interface AuditOptions {
  readonly image: KernelImage;
  readonly symbols: SymbolTable;
  /** A run that is over; without one only the file is read. */
  readonly run?: ProfiledRun;
}

/** Audits a kernel. @throws LoadError when its file cannot be read */
export const audit = async ({ image, symbols, run }: AuditOptions): Promise<Audit> => {
  const decoder = await createDecoder();
  const found = new Sites();
  const { ranges, entries, notes } = codeRanges(image);
  const starts = [...entries, ...symbols.addresses()];
  for (const range of ranges) readFile(decoder, range, starts, found);
  if (run) readProfile(decoder, run.machine.processor.profile!.blocks(), found);

  const facts = new Map(found.all().map((site) => [site.facts.name, site.facts]));
  const sites = found
    .all()
    .map(
      ({ facts: { name }, text, bytes, linear, physical, inFile, translated, byCpl }): AuditedSite => ({
        name,
        text,
        bytes,
        linear,
        physical,
        symbol: symbols.at(linear) ?? null,
        inFile,
        translated,
        executions: sum(byCpl),
        byCpl,
      }),
    )
    .sort((a, b) => b.executions - a.executions || a.linear - b.linear);
  const instructions = [...facts]
    .map(([name, its]) =>
      summarised(
        name,
        sites.filter((site) => site.name === name),
        its,
      ),
    )
    .sort((a, b) => b.executions - a.executions || a.name.localeCompare(b.name, 'en'));
  return {
    kernel: image.name,
    file: { ranges: ranges.map(({ name, linear, bytes }) => ({ name, linear, bytes: bytes.length })), notes },
    run: run ? auditedRun(run, instructions) : null,
    instructions,
    sites,
  };
};

const auditedRun = (
  { machine, outcome }: ProfiledRun,
  instructions: readonly AuditedInstruction[],
): AuditedRun => ({
  technique: machine.technique,
  outcome,
  instructions: machine.processor.retired,
  unattributed: machine.processor.profile!.elsewhere,
  trapping: sum(instructions.map(trappingExecutions)),
  silent: sum(instructions.map(silentExecutions)),
  pages: hotPages(machine.processor.profile!.blocks()),
});

const kernelOf = (byCpl: readonly number[]): number => sum(byCpl.slice(0, 3));

/** Executions by the guest's kernel that a deprivileged one would have trapped at. */
export const trappingExecutions = ({ privilege, byCpl }: AuditedInstruction): number =>
  privilege === 'CPL' || privilege === 'IOPL' ? kernelOf(byCpl) : 0;

/** Executions of an instruction that does not trap and loses something at that CPL. */
export const silentExecutions = ({ lost, byCpl }: AuditedInstruction): number =>
  (lost.kernel === null ? 0 : kernelOf(byCpl)) + (lost.user === null ? 0 : byCpl[3]);
