/**
 * Capstone 5.0, asked through its C interface. The package's wrapper gives only text; operands are read from
 * `cs_insn` and `cs_detail` in the wasm heap.
 */
import { loadCapstone } from 'capstone-wasm';
import type { RegisterClass } from './instruction.ts';

/** The emscripten exports in use; `loadCapstone` fills them in. */
interface CapstoneModule {
  _cs_open(architecture: number, mode: number, handle: number): number;
  _cs_option(handle: number, option: number, value: number): number;
  _cs_disasm(handle: number, code: number, size: number, at: bigint, count: number, out: number): number;
  _cs_free(instructions: number, count: number): void;
  _cs_insn_name(handle: number, id: number): number;
  _cs_reg_name(handle: number, id: number): number;
  _malloc(size: number): number;
  UTF8ToString(at: number): string;
  HEAPU8: Uint8Array;
  HEAP32: Int32Array;
}

const CS_ARCH_X86 = 3;
const CS_MODE_32 = 1 << 2;
const CS_OPT_DETAIL = 2;
const CS_OPT_ON = 3;

/** Offsets (bytes) in the structures of a 32-bit build of Capstone 5.0, checked against known encodings. */
const Insn = { ID: 0, DETAIL: 236 } as const;
/** `cs_x86` starts 88 bytes into `cs_detail`, its `op_count` is at 64 and its `operands` at 72. */
const Detail = { OPERAND_COUNT: 152, OPERANDS: 160, OPERAND_SIZE: 48 } as const;
/** `cs_x86_op`: the type, then a union of register, 64-bit immediate and memory reference, then the size. */
const Op = { TYPE: 0, VALUE: 8, MEMORY_SEGMENT: 8, MEMORY_BASE: 12, SIZE: 32 } as const;
const OpType = { REGISTER: 1, IMMEDIATE: 2, MEMORY: 3 } as const;

/** A register as Capstone names it; `mem` is a memory reference of which only what is implicit counts. */
export type CapstoneOperand =
  | { readonly kind: 'reg'; readonly class: RegisterClass; readonly index: number; readonly size: number }
  | { readonly kind: 'imm'; readonly value: number; readonly size: number }
  | { readonly kind: 'mem'; readonly es: boolean; readonly base: number; readonly size: number };

export interface CapstoneAnswer {
  readonly mnemonic: string;
  readonly operands: readonly CapstoneOperand[];
}

interface Register {
  readonly class: RegisterClass;
  readonly index: number;
}

const registersByName: ReadonlyMap<string, Register> = (() => {
  const map = new Map<string, Register>();
  const add = (registerClass: RegisterClass, names: readonly string[]): void => {
    for (const [index, name] of names.entries()) map.set(name, { class: registerClass, index });
  };
  const numbered = (text: string): string[] => Array.from({ length: 8 }, (_, i) => text.replace('#', `${i}`));
  add('gpr', ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh']);
  add('gpr', ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di']);
  add('gpr', ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi']);
  add('segment', ['es', 'cs', 'ss', 'ds', 'fs', 'gs']);
  add('control', numbered('cr#'));
  add('debug', numbered('dr#'));
  add('st', numbered('st(#)'));
  add('mmx', numbered('mm#'));
  add('xmm', numbered('xmm#'));
  return map;
})();

/** Bytes of the emscripten module, for a host that cannot load `capstone.wasm` from beside the package. */
export interface CapstoneSource {
  readonly wasmBinary?: Uint8Array | ArrayBuffer;
}

let loading: Promise<CapstoneModule> | undefined;

const load = async (source: CapstoneSource): Promise<CapstoneModule> => {
  const module: Record<string, unknown> = {};
  if (source.wasmBinary !== undefined) {
    module.wasmBinary = source.wasmBinary;
    // Keeps the loader from working out an address relative to a bundle that may have none.
    module.locateFile = (file: string) => file;
  }
  await loadCapstone(module);
  if (module._cs_disasm === undefined) {
    throw new Error('capstone-wasm was already loaded elsewhere in this process; its memory is out of reach');
  }
  return module as unknown as CapstoneModule;
};

/** The package holds one module per process, so it is loaded once; a later `source` is not looked at. */
export const openCapstone = async (source: CapstoneSource = {}): Promise<Capstone> => {
  loading ??= load(source).catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return new Capstone(await loading);
};

/**
 * Capstone's disassembler for 32-bit code. Its 16-bit mode is of no use: there it takes 66 for an operand size
 * where it is a mandatory prefix. 16-bit operands and addresses are asked for by prefix.
 */
export class Capstone {
  private readonly module: CapstoneModule;
  private readonly handle: number;
  private readonly input: number;
  private readonly output: number;
  private readonly mnemonics = new Map<number, string>();
  private readonly registers = new Map<number, Register | undefined>();

  constructor(module: CapstoneModule) {
    this.module = module;
    this.input = module._malloc(16);
    this.output = module._malloc(4);
    let error = module._cs_open(CS_ARCH_X86, CS_MODE_32, this.output);
    this.handle = module.HEAP32[this.output >> 2];
    error ||= module._cs_option(this.handle, CS_OPT_DETAIL, CS_OPT_ON);
    if (error !== 0) throw new Error(`Capstone refused 32-bit x86 with detail: error ${error}`);
  }

  /**
   * Disassembles one instruction. Bytes after `bytes` read as zero.
   * @returns null where Capstone knows none, or one with registers that IA-32 processors before AVX lack
   */
  disassemble(bytes: readonly number[]): CapstoneAnswer | null {
    const { module, handle, input, output } = this;
    module.HEAPU8.fill(0, input, input + 16);
    module.HEAPU8.set(bytes, input);
    if (module._cs_disasm(handle, input, 15, 0n, 1, output) === 0) return null;
    const insn = module.HEAP32[output >> 2];
    const answer = this.read(insn);
    module._cs_free(insn, 1);
    return answer;
  }

  private read(insn: number): CapstoneAnswer | null {
    const { HEAPU8, HEAP32 } = this.module;
    const detail = HEAP32[(insn + Insn.DETAIL) >> 2];
    const count = HEAPU8[detail + Detail.OPERAND_COUNT];
    const operands: CapstoneOperand[] = [];
    for (let i = 0; i < count; i++) {
      const at = detail + Detail.OPERANDS + i * Detail.OPERAND_SIZE;
      const value = HEAP32[(at + Op.VALUE) >> 2];
      const size = HEAPU8[at + Op.SIZE];
      switch (HEAP32[(at + Op.TYPE) >> 2]) {
        case OpType.REGISTER: {
          const register = this.register(value);
          if (register === undefined) return null;
          operands.push({ kind: 'reg', class: register.class, index: register.index, size });
          break;
        }
        case OpType.IMMEDIATE:
          operands.push({ kind: 'imm', value, size });
          break;
        case OpType.MEMORY: {
          const segment = this.register(HEAP32[(at + Op.MEMORY_SEGMENT) >> 2]);
          const base = this.register(HEAP32[(at + Op.MEMORY_BASE) >> 2]);
          operands.push({ kind: 'mem', es: segment?.index === 0, base: base?.index ?? -1, size });
          break;
        }
        default:
          return null;
      }
    }
    return { mnemonic: this.mnemonic(HEAP32[(insn + Insn.ID) >> 2]), operands };
  }

  private mnemonic(id: number): string {
    let name = this.mnemonics.get(id);
    if (name === undefined) {
      name = this.module.UTF8ToString(this.module._cs_insn_name(this.handle, id));
      this.mnemonics.set(id, name);
    }
    return name;
  }

  private register(id: number): Register | undefined {
    if (id === 0) return undefined;
    if (!this.registers.has(id)) {
      const name = this.module.UTF8ToString(this.module._cs_reg_name(this.handle, id));
      this.registers.set(id, registersByName.get(name));
    }
    return this.registers.get(id);
  }
}
