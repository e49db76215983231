/**
 * The translator: scans one basic block of guest code and writes its records. What happens to each
 * instruction is the technique's decision; see Treatment.
 */
import { Block, type BlockOrigin } from '../cache/block.ts';
import type { TranslationCache } from '../cache/translation-cache.ts';
import type { Decoded, Decoder, Instruction } from '../decoder/instruction.ts';
import { findHandler, fusionOf, type Handler, Special } from '../instructions/handlers.ts';
import { RECORD_SIZE } from '../instructions/record.ts';
import { PAGE_SIZE } from '../memory/layout.ts';
import { biased, type PhysicalMemory } from '../memory/physical.ts';
import { type CpuModel, modelHas } from '../x86/cpu-models.ts';
import { RecordWriter, type Selected, select, Treatment, virtualTreatment, witnessed } from './encode.ts';
import { Mode } from './mode.ts';
import { definedAsUndefined } from './opcodes.ts';
import { isVectorOpcode } from './vector-opcodes.ts';

const MAX_INSTRUCTION = 15;

/** Where code lies and how far it may be read. */
export interface CodePlace extends BlockOrigin {
  /** Physical address of the page that follows in linear space, -1 if it faults; asked for when needed. */
  secondPage(): number;
  /** Bytes from the first instruction to the end of the code segment; Infinity when it is not near. */
  readonly limit: number;
  /** At most this many instructions. */
  readonly maximum: number;
}

/** Nothing could be translated: the fetch of the first instruction faults. */
export type FetchFault = 'second-page' | 'limit';

export interface TranslatorOptions {
  treatment(instruction: Instruction, mode: number): Treatment;
  /** Where the executions of an instruction are counted, as an address in linear memory; 0 for most. */
  counter(physical: number): number;
  /** Decides which instructions exist. */
  model(): CpuModel;
  /** An instruction that is not built: bytes and physical address, for one warning. */
  notBuilt(bytes: Uint8Array, physical: number): void;
}

/** How one record executes an instruction. */
interface Execution {
  readonly selected: Selected;
  readonly treatment: Treatment;
}

interface Scanned extends Execution {
  readonly instruction: Instruction | null;
  /** What lies behind the record of a witnessed instruction; see `witnessed`. */
  readonly behind?: readonly Execution[];
  readonly offset: number;
  readonly length: number;
}

const synthetic = (name: string): Selected => ({
  handler: findHandler(name, {}) as Handler,
  callout: -1,
  endsBlock: true,
});
const adapted = synthetic('adapted');
const undefinedOpcode = synthetic('undefined');
const tooLong = synthetic('too.long');

const isDirectTransfer = (name: string): boolean =>
  name === 'jmp' || name === 'j' || name === 'call' || name.startsWith('loop') || name === 'jcxz';

export class Translator {
  readonly #memory: PhysicalMemory;
  readonly #cache: TranslationCache;
  readonly #decoder: Decoder;
  readonly #options: TranslatorOptions;
  readonly #writer: RecordWriter;
  readonly #window = new Uint8Array(2 * MAX_INSTRUCTION);

  constructor(memory: PhysicalMemory, cache: TranslationCache, decoder: Decoder, options: TranslatorOptions) {
    this.#memory = memory;
    this.#cache = cache;
    this.#decoder = decoder;
    this.#options = options;
    this.#writer = new RecordWriter(memory.memory.buffer);
  }

  /**
   * Translates the block at a place. @param keep false writes it to the scratch area only
   * @returns the block, or why its first instruction cannot be fetched
   */
  translate(place: CodePlace, keep: boolean): Block | FetchFault {
    const scanned: Scanned[] = [];
    const start = place.physical & (PAGE_SIZE - 1);
    let offset = start;
    let secondPage = -1;
    while (scanned.length < place.maximum && offset < PAGE_SIZE) {
      const next = this.#decode(place, offset, scanned.length === 0);
      if (next === 'second-page' || next === 'limit') {
        if (scanned.length === 0) return next;
        break;
      }
      if (next === 'crosses') break;
      const one = this.#select(next.decoded, place, offset);
      if (next.secondPage >= 0) secondPage = next.secondPage;
      scanned.push(one);
      offset += one.length;
      if (one.selected.endsBlock || secondPage >= 0) break;
    }
    // Where the second page has no memory no guard could ever hold, and nothing can change it either.
    if (secondPage >= 0 && this.#memory.hostAddress(secondPage) < 0)
      return this.#write(place, scanned, start, offset, -1, false);
    return this.#write(place, scanned, start, offset, secondPage, keep);
  }

  /** Decodes at a page offset. Only the first instruction of a block may cross the page. */
  #decode(
    place: CodePlace,
    offset: number,
    first: boolean,
  ): { decoded: Decoded; secondPage: number } | FetchFault | 'crosses' {
    const bits = place.mode & Mode.CODE32 ? 32 : 16;
    const start = place.physical & (PAGE_SIZE - 1);
    const left = place.limit - (offset - start);
    if (left <= 0) return 'limit';
    const host = this.#memory.hostAddress(place.physical - start + offset);
    const inPage = Math.min(PAGE_SIZE - offset, MAX_INSTRUCTION);
    let bytes = this.#memory.bytes;
    if (host < 0) bytes = new Uint8Array(MAX_INSTRUCTION).fill(0xff);
    const at = host < 0 ? 0 : host;
    const decoded = this.#decoder.decode(bytes, at, Math.min(inPage, left), offset, bits);
    if (decoded.kind !== 'truncated') return { decoded, secondPage: -1 };
    if (left <= inPage) return first ? 'limit' : 'crosses';
    if (!first) return 'crosses';
    const second = place.secondPage();
    if (second < 0) return 'second-page';
    const window = this.#window;
    for (let i = 0; i < inPage; i++) window[i] = bytes[at + i]!;
    for (let i = inPage; i < MAX_INSTRUCTION; i++) window[i] = this.#memory.read(second + i - inPage, 1);
    const whole = this.#decoder.decode(window, 0, Math.min(MAX_INSTRUCTION, left), offset, bits);
    if (whole.kind === 'truncated')
      return left < MAX_INSTRUCTION ? 'limit' : { decoded: { kind: 'too-long' }, secondPage: second };
    return { decoded: whole, secondPage: second };
  }

  #select(decoded: Decoded, place: CodePlace, offset: number): Scanned {
    if (decoded.kind === 'undefined')
      return {
        instruction: null,
        selected: undefinedOpcode,
        treatment: 0,
        offset,
        length: Math.max(1, decoded.length),
      };
    // All the bytes that were looked at count as code: another one of them may make it an instruction.
    if (decoded.kind !== 'instruction')
      return { instruction: null, selected: tooLong, treatment: 0, offset, length: MAX_INSTRUCTION };
    const { instruction } = decoded;
    const { length } = instruction;
    const wanted = this.#options.treatment(instruction, place.mode);
    const treatment = wanted === Treatment.WITNESS ? Treatment.IDENT : wanted;
    const selected = select(instruction, place.mode, treatment);
    const { feature } = selected ?? {};
    const exists = feature === undefined || modelHas(this.#options.model(), feature);
    if (selected && exists) {
      if (wanted !== Treatment.WITNESS) return { instruction, selected, treatment, offset, length };
      const other = virtualTreatment(instruction);
      const behind = [
        { selected, treatment },
        { selected: select(instruction, place.mode, other)!, treatment: other },
      ];
      return { instruction, selected: witnessed, treatment: wanted, behind, offset, length };
    }
    if (exists && !definedAsUndefined.has(instruction.opcode) && !isVectorOpcode(instruction.opcode)) {
      const physical = place.physical - (place.physical & (PAGE_SIZE - 1)) + offset;
      const bytes = Uint8Array.from({ length }, (_, i) => this.#memory.read(physical + i, 1));
      this.#options.notBuilt(bytes, physical);
    }
    return { instruction: null, selected: undefinedOpcode, treatment, offset, length };
  }

  #write(
    place: CodePlace,
    scanned: readonly Scanned[],
    start: number,
    end: number,
    secondPage: number,
    keep: boolean,
  ): Block {
    const guard = secondPage >= 0 ? 1 : 0;
    const open = !scanned.at(-1)!.selected.endsBlock;
    const behind = scanned.at(-1)!.behind ?? [];
    const pageStart = place.physical - start;
    const counters = scanned.map((s) => (keep ? this.#options.counter(pageStart + s.offset) : 0));
    const counted = counters.filter((counter) => counter !== 0).length;
    const recordCount = guard + scanned.length + counted + behind.length + (open ? 1 : 0);
    const count = scanned.length;
    const first = keep ? this.#cache.reserve(recordCount) : this.#cache.scratch;
    const writer = this.#writer;
    let record = first;
    if (guard) {
      writer.head(record, Special.GUARD, start, count, 0);
      const page = this.#memory.hostAddress(secondPage - (secondPage & (PAGE_SIZE - 1)));
      writer.immediate(record, biased(page));
      record += RECORD_SIZE;
    }
    let fused = false;
    for (const [i, s] of scanned.entries()) {
      const { number } = s.selected.handler;
      const next = counters[i + 1] ? undefined : scanned[i + 1];
      const fusion: number | undefined =
        fused || !next ? undefined : fusionOf(number, next.selected.handler.number);
      fused = fusion !== undefined;
      if (counters[i]) {
        writer.head(record, adapted.handler.number, s.offset, count - i, s.length);
        writer.immediate(record, counters[i]!);
        record += RECORD_SIZE;
      }
      writer.head(record, fusion ?? number, s.offset, count - i, s.length);
      this.#operands(record, s, s);
      record += RECORD_SIZE;
    }
    for (const execution of behind) {
      const s = scanned.at(-1)!;
      writer.head(record, execution.selected.handler.number, s.offset, 1, s.length);
      this.#operands(record, s, execution);
      record += RECORD_SIZE;
    }
    if (open) {
      const handler = keep
        ? findHandler('continue', { flat: (place.mode & Mode.FLAT) !== 0 })!.number
        : Special.STOP;
      writer.head(record, handler, end, 0, 0);
      writer.targets(record, 0, end);
    }
    const block = new Block(place, first, recordCount, end - start, secondPage, keep);
    if (keep) {
      const { counters: totals } = this.#cache;
      totals.translatedInstructions += count;
      totals.translatedBytes += end - start;
      totals.records += recordCount - behind.length;
      this.#cache.insert(block);
    } else this.#cache.insertScratch(block);
    return block;
  }

  /** Fills in what an instruction operates on. */
  #operands(record: number, s: Scanned, { selected, treatment }: Execution): void {
    const writer = this.#writer;
    const { instruction } = s;
    if (!instruction) return;
    if (selected.callout >= 0) writer.callout(record, instruction, selected, treatment);
    else if (isDirectTransfer(selected.handler.spec.name)) {
      const target = instruction.operands.at(-1);
      writer.targets(
        record,
        relativeTarget(s, target?.kind === 'imm' ? target.value : 0),
        s.offset + s.length,
      );
    } else writer.operands(record, instruction, selected, treatment);
  }
}

/** Branch targets come wrapped to the operand size; what is stored is relative to the page, unwrapped. */
const relativeTarget = (s: Scanned, target: number): number => {
  if (s.instruction!.operandSize === 4) return target | 0;
  const next = s.offset + s.length;
  return next + (((target - next) << 16) >> 16);
};
