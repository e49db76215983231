import { writeElf } from './elf.ts';
import { AssemblyError, definedNames, preprocess, type ReadSource, type Statement } from './preprocess.ts';

export { AssemblyError, type ReadSource } from './preprocess.ts';

/** Where every guest is linked: the first byte above the low megabyte. Physical. */
export const ORIGIN = 0x100000;

export type Syntax = 'att' | 'intel';

/** A program's bytes and the addresses or values of the names it defines. */
export interface Assembly {
  readonly code: Uint8Array;
  readonly symbols: ReadonlyMap<string, number>;
}

/** A guest ready to boot. */
export interface Guest extends Assembly {
  /** A Multiboot 1 kernel as an ELF32 file. */
  readonly image: Uint8Array;
  readonly entry: number;
}

// The parts of the Emscripten module that the package's wrapper does not pass on: through `_ks_asm` the
// source lies in the heap, while the wrapper puts it on the module's small stack.
interface KeystoneModule {
  HEAPU8: Uint8Array;
  HEAPU32: Uint32Array;
  _malloc(bytes: number): number;
  _free(address: number): void;
  _ks_asm(engine: number, source: number, origin: bigint, code: number, size: number, count: number): number;
  _ks_free(address: number): void;
}

interface Assembler {
  assemble(text: string, origin: number, syntax: Syntax): { code: Uint8Array } | { problem: string };
}

let loading: Promise<Assembler> | undefined;

/**
 * Loads Keystone, once. `overrides` are Emscripten module settings of the first call, for example
 * `locateFile` or `wasmBinary` where a page serves the WebAssembly file itself. `assemble` loads by itself.
 */
export function loadAssembler(overrides: Record<string, unknown> = {}): Promise<Assembler> {
  return (loading ??= load(overrides));
}

async function load(overrides: Record<string, unknown>): Promise<Assembler> {
  const { Const, Keystone, loadKeystone } = await import('keystone-wasm');
  const loaded: Record<string, unknown> = {
    // Keystone prints some parse errors; ours carries the line instead.
    print: () => {},
    printErr: () => {},
    ...overrides,
  };
  await loadKeystone(loaded);
  if (!('_ks_asm' in loaded)) {
    throw new Error('keystone-wasm was already loaded elsewhere in this process; its memory is out of reach');
  }
  const module = loaded as unknown as KeystoneModule;

  return {
    assemble(text, origin, syntax) {
      const keystone = new Keystone(Const.KS_ARCH_X86, Const.KS_MODE_32);
      const dialect = syntax === 'att' ? Const.KS_OPT_SYNTAX_ATT : Const.KS_OPT_SYNTAX_INTEL;
      keystone.setOption(Const.KS_OPT_SYNTAX, dialect);
      const bytes = new TextEncoder().encode(text);
      const source = module._malloc(bytes.length + 1);
      const results = module._malloc(12);
      try {
        module.HEAPU8.set(bytes, source);
        module.HEAPU8[source + bytes.length] = 0;
        const failed = module._ks_asm(
          keystone.handle,
          source,
          BigInt(origin),
          results,
          results + 4,
          results + 8,
        );
        if (failed) return { problem: Keystone.strError(keystone.errNo()) };
        const [code, size] = module.HEAPU32.subarray(results / 4, results / 4 + 2);
        const copy = module.HEAPU8.slice(code, code + size);
        module._ks_free(code);
        return { code: copy };
      } catch (error) {
        return { problem: `Keystone broke down (${String(error)})` };
      } finally {
        module._free(source);
        module._free(results);
        keystone.close();
      }
    },
  };
}

// Keystone stops at some statements without an error. This word behind the program shows that it did not.
const END_MARK = 0x52646e45;

/** The whole assembly, or what Keystone says is wrong with it. */
function attempt(
  assembler: Assembler,
  lines: readonly string[],
  names: readonly string[],
  origin: number,
  syntax: Syntax,
): Assembly | { problem: string } {
  const tail = [`.long 0x${END_MARK.toString(16)}`, ...names.map((name) => `.long ${name}`)];
  const result = assembler.assemble([...lines, ...tail].join('\n'), origin, syntax);
  if ('problem' in result) return result;
  const size = result.code.length - 4 * tail.length;
  const view = new DataView(result.code.buffer);
  if (size < 0 || view.getUint32(size, true) !== END_MARK) {
    return { problem: 'Keystone does not know this statement' };
  }
  const symbols = new Map(names.map((name, i) => [name, view.getUint32(size + 4 + 4 * i, true)]));
  return { code: result.code.slice(0, size), symbols };
}

/** What a statement leaves for the others if it is not assembled: the name it defines, at any value. */
function nameOnly(text: string): string {
  return /:$/.test(text) || /^\.(set|equ)\b/.test(text) ? text : '';
}

/**
 * Finds the first statement that Keystone refuses. Keystone does not tell; but a prefix of the program, with
 * the names the rest defines, is refused exactly from that statement on.
 */
function firstRefused(
  assembler: Assembler,
  statements: readonly Statement[],
  origin: number,
  syntax: Syntax,
): { index: number; problem: string } {
  const lines = statements.map(({ text }) => text);
  let problem = '';
  let good = 0;
  let bad = lines.length;
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    const prefix = [...lines.slice(0, middle), ...lines.slice(middle).map(nameOnly)];
    const result = attempt(assembler, prefix, [], origin, syntax);
    if ('problem' in result) {
      bad = middle;
      ({ problem } = result);
    } else good = middle;
  }
  return { index: bad - 1, problem };
}

async function assembleStatements(
  statements: readonly Statement[],
  origin: number,
  syntax: Syntax,
): Promise<Assembly> {
  const assembler = await loadAssembler();
  const lines = statements.map(({ text }) => text);
  const result = attempt(assembler, lines, definedNames(statements), origin, syntax);
  if (!('problem' in result)) return result;
  const { index, problem } = firstRefused(assembler, statements, origin, syntax);
  const { file, line, text } = statements[index];
  throw new AssemblyError(file, line, `${problem || result.problem}: ${text}`);
}

const noIncludes: ReadSource = (path) => {
  throw new Error(`no source ${path}`);
};

/**
 * Assembles 32-bit code (`.code16` switches) for the linear address `origin`. The dialect is what
 * `preprocess` describes. Throws an `AssemblyError` that names file and line.
 */
export async function assemble(
  source: string,
  origin: number,
  options: { syntax?: Syntax; readSource?: ReadSource; file?: string } = {},
): Promise<Uint8Array> {
  const { syntax = 'att', readSource = noIncludes, file = 'source' } = options;
  const statements = await preprocess(source, file, readSource);
  return (await assembleStatements(statements, origin, syntax)).code;
}

/**
 * Builds the guest whose source is `<name>.s`, at `ORIGIN`. It must define `_start`; `memory_end`, if it
 * does, is where its zeroed memory ends.
 */
export async function buildGuest(name: string, readSource: ReadSource): Promise<Guest> {
  const file = `${name}.s`;
  const statements = await preprocess(await readSource(file), file, readSource);
  const { code, symbols } = await assembleStatements(statements, ORIGIN, 'att');
  const entry = symbols.get('_start');
  if (entry === undefined) throw new AssemblyError(file, 1, 'the guest defines no _start');
  const memorySize = Math.max(code.length, (symbols.get('memory_end') ?? 0) - ORIGIN);
  return { code, symbols, entry, image: writeElf({ code, origin: ORIGIN, entry, memorySize, symbols }) };
}
