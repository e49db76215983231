/** Names of addresses: from a kernel's ELF file, or from a System.map (or /proc/kallsyms) beside it. */
import { readSections, readSymbols, SectionFlag, shown } from '../loader/elf-sections.ts';
import { isElf, parseElf32 } from '../loader/elf32.ts';
import { LoadError } from '../loader/image.ts';

interface Symbol {
  readonly name: string;
  /** Linear, unsigned. */
  readonly address: number;
  /** First address behind it. */
  readonly end: number;
  /** Whether it names code. */
  readonly code: boolean;
}

/** How far the last symbol reaches when nobody says. */
const LAST_REACH = 4096;

/** Names of code by linear address. */
export class SymbolTable {
  readonly #sorted: readonly Symbol[];
  readonly #byName = new Map<string, number>();

  /** @param symbols in any order; of several at one address the one with the plainest name counts */
  constructor(symbols: readonly Symbol[]) {
    const sorted = symbols.toSorted(
      (a, b) => a.address - b.address || underscores(a.name) - underscores(b.name),
    );
    this.#sorted = sorted.filter((s, i) => i === 0 || s.address !== sorted[i - 1]!.address);
    for (const { name, address, code } of symbols)
      if (code && !this.#byName.has(name)) this.#byName.set(name, address);
  }

  /** How many names of code there are. */
  get size(): number {
    return this.#byName.size;
  }
  /** Linear addresses that names of code have. */
  addresses(): number[] {
    return this.#sorted.filter(({ code }) => code).map(({ address }) => address);
  }
  /** The name that a linear address belongs to, as `name` or `name+0x1c`; undefined for none. */
  at(linear: number): string | undefined {
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]!.address <= linear) low = middle + 1;
      else high = middle;
    }
    const symbol = sorted[low - 1];
    if (!symbol?.code || linear >= symbol.end) return undefined;
    const offset = linear - symbol.address;
    return offset === 0 ? symbol.name : `${symbol.name}+0x${offset.toString(16)}`;
  }
  /** Linear address of a name, or of `name+0x1c`. */
  addressOf(text: string): number | undefined {
    const whole = this.#byName.get(text);
    if (whole !== undefined) return whole;
    const [, name, offset] = /^(.+)\+(0x[0-9a-f]+|\d+)$/i.exec(text) ?? [];
    const base = name === undefined ? undefined : this.#byName.get(name);
    return base === undefined ? undefined : base + Number(offset);
  }
}

const underscores = (name: string): number => /^[_.$]*/.exec(name)![0].length;

/** Reads each symbol up to the next one, where its size is not known. */
const delimited = (symbols: readonly (Omit<Symbol, 'end'> & { readonly size: number })[]): Symbol[] => {
  const addresses = [...new Set(symbols.map(({ address }) => address))].sort((a, b) => a - b);
  const next = new Map(addresses.map((address, i) => [address, addresses[i + 1] ?? address + LAST_REACH]));
  return symbols.map(({ size, ...symbol }) => ({
    ...symbol,
    end: size > 0 ? symbol.address + size : next.get(symbol.address)!,
  }));
};

/** The symbols of a static executable. @throws LoadError when it is none for this processor */
const elfSymbols = (file: Uint8Array, name: string): SymbolTable => {
  const { sections: table, segments } = parseElf32(file, name);
  const sections = table ? readSections(file, table) : [];
  const executable = sections
    .filter(({ flags }) => flags & SectionFlag.EXECUTABLE)
    .map(({ address, bytes }) => ({ start: address, end: address + bytes.length }));
  const ranges =
    executable.length > 0
      ? executable
      : segments
          .filter((s) => s.executable)
          .map((s) => ({ start: s.virtual, end: s.virtual + s.memorySize }));
  // What lies elsewhere is data, or a number with a name.
  const inCode = (value: number) => ranges.some(({ start, end }) => start <= value && value < end);
  return new SymbolTable(
    delimited(
      readSymbols(sections).map(({ name, value, size }) => ({
        name,
        address: value,
        size,
        code: inCode(value),
      })),
    ),
  );
};

const MAP_LINE = /^([0-9a-f]{8,16})\s+([A-Za-z?])\s+(\S+)/;
/** Type letters of nm(1) for code: text, and weak text. */
const CODE_TYPES = 'TtWw';

/** @throws LoadError when no line is a symbol of a 32-bit kernel */
const mapSymbols = (text: string, name: string): SymbolTable => {
  const lines = text.split('\n');
  const symbols = lines.flatMap((line) => {
    const [, digits, type, symbol] = MAP_LINE.exec(line) ?? [];
    const address = Number.parseInt(digits ?? '', 16);
    if (symbol === undefined || type === undefined || !(address > 0 && address < 2 ** 32)) return [];
    return [{ name: shown(symbol), address, size: 0, code: CODE_TYPES.includes(type) }];
  });
  const table = new SymbolTable(delimited(symbols));
  if (table.size > 0) return table;
  const first = shown(lines[0]!.trim().slice(0, 100));
  throw new LoadError(`${name} names no code of a 32-bit kernel${first === '' ? '' : `; it says: ${first}`}`);
};

/** Reads a file of symbols: an ELF executable, a System.map, or a copy of /proc/kallsyms. @throws LoadError */
export const readSymbolFile = (file: Uint8Array, name: string): SymbolTable => {
  const table = isElf(file) ? elfSymbols(file, name) : mapSymbols(new TextDecoder().decode(file), name);
  if (table.size === 0) throw new LoadError(`${name} has no symbols`);
  return table;
};

/** The symbols that a kernel's own file has: none unless it is an ELF file that was not stripped. */
export const symbolsOfKernel = (file: Uint8Array, name: string): SymbolTable =>
  isElf(file) ? elfSymbols(file, name) : new SymbolTable([]);
