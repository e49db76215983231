import type { EntryState, FlatEntryState, GuestMemory, MemoryRange } from '../../src/loader/image.ts';

/** Guest memory full of 0xAA, so that a byte nobody wrote cannot pass for a zero. */
export class FakeMemory implements GuestMemory {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(size: number) {
    this.size = size;
    this.bytes = new Uint8Array(size).fill(0xaa);
    this.view = new DataView(this.bytes.buffer);
  }
  write(physical: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, physical);
  }
  fill(physical: number, length: number, value: number): void {
    this.bytes.fill(value, physical, physical + length);
  }
  u8 = (at: number): number => this.view.getUint8(at);
  u16 = (at: number): number => this.view.getUint16(at, true);
  u32 = (at: number): number => this.view.getUint32(at, true);
  u64 = (at: number): number => Number(this.view.getBigUint64(at, true));
  text(at: number): string {
    return new TextDecoder().decode(this.bytes.subarray(at, this.bytes.indexOf(0, at)));
  }
}

/** The state that all kernels but those with a real-mode start are entered in. */
export const flat = (state: EntryState): FlatEntryState => {
  if (state.mode !== 'protected-flat') throw new Error(`entered in ${state.mode} mode`);
  return state;
};

export const MIB = 0x100000;

/** The map that a PC's BIOS reports for `size` bytes of RAM. */
export const pcMap = (size: number): MemoryRange[] => [
  { base: 0, size: 0x9fc00, type: 1 },
  { base: 0x9fc00, size: 0x400, type: 2 },
  { base: 0xf0000, size: 0x10000, type: 2 },
  { base: MIB, size: size - MIB - 0x20000, type: 1 },
  { base: size - 0x20000, size: 0x20000, type: 2 },
  { base: 0xfffc0000, size: 0x40000, type: 2 },
];

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export interface TestSegment {
  readonly physical: number;
  readonly virtual?: number;
  readonly data: Uint8Array;
  readonly memorySize?: number;
  readonly type?: number;
}

export interface TestSection {
  readonly type: number;
  readonly address: number;
  readonly data: Uint8Array;
}

export interface TestElf {
  readonly segments: readonly TestSegment[];
  readonly entry: number;
  readonly sections?: readonly TestSection[];
  readonly type?: number;
  readonly machine?: number;
  readonly elfClass?: number;
}

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

/** An ELF file: header, program headers, segment contents, section contents, section headers. */
export const makeElf = ({ segments, entry, sections = [], type = 2, machine = 3, elfClass = 1 }: TestElf) => {
  const file = new Uint8Array(0x4000);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, elfClass, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, machine, true);
  view.setUint32(20, 1, true);
  view.setUint32(24, entry, true);
  view.setUint32(28, 52, true);
  view.setUint16(40, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, segments.length, true);
  let end = 52 + 32 * segments.length;
  segments.forEach(({ physical, virtual = physical, data, memorySize = data.length, type: kind = 1 }, i) => {
    end = align(end, 16);
    [kind, end, virtual, physical, data.length, memorySize, 7, 16].forEach((word, field) => {
      view.setUint32(52 + 32 * i + 4 * field, word, true);
    });
    file.set(data, end);
    end += data.length;
  });
  if (sections.length > 0) {
    const places = sections.map(({ data }) => {
      const place = align(end, 16);
      file.set(data, place);
      end = place + data.length;
      return place;
    });
    end = align(end, 16);
    view.setUint32(32, end, true);
    view.setUint16(46, 40, true);
    view.setUint16(48, sections.length, true);
    view.setUint16(50, sections.length - 1, true);
    sections.forEach((section, i) => {
      [0, section.type, 0, section.address, places[i], section.data.length, 0, 0, 4, 0].forEach(
        (word, field) => {
          view.setUint32(end + 40 * i + 4 * field, word, true);
        },
      );
    });
    end += 40 * sections.length;
  }
  return file.slice(0, end);
};

/** A Multiboot header with the right checksum, and the address fields if given. */
export const multibootHeader = (flags: number, addresses: readonly number[] = []): Uint8Array => {
  const words = [0x1badb002, flags, -(0x1badb002 + flags), ...addresses];
  return new Uint8Array(Uint32Array.from(words).buffer);
};

export const concat = (...parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

export interface TestBzImage {
  readonly version?: number;
  readonly code?: Uint8Array;
  readonly setupSectors?: number;
  readonly code32Start?: number;
  readonly loadFlags?: number;
  readonly extendedFlags?: number;
  readonly relocatable?: boolean;
  readonly alignment?: number;
  readonly preferred?: number;
  readonly initSize?: number;
  readonly commandLineSize?: number;
  readonly ramdiskLimit?: number;
}

/** A bzImage whose fields lie where the boot protocol's table puts them. */
export const makeBzImage = (image: TestBzImage = {}): Uint8Array => {
  const code = image.code ?? new Uint8Array(64).fill(0x90);
  const sectors = image.setupSectors ?? 3;
  const version = image.version ?? 0x20f;
  const setup = new Uint8Array(((sectors || 4) + 1) * 512);
  const view = new DataView(setup.buffer);
  setup[0x1f1] = sectors;
  view.setUint32(0x1f4, Math.ceil(code.length / 16), true);
  view.setUint16(0x1fe, 0xaa55, true);
  setup[0x200] = 0xeb;
  setup[0x201] = 0x6a;
  setup.set(bytesOf('HdrS'), 0x202);
  view.setUint16(0x206, version, true);
  setup[0x211] = image.loadFlags ?? 1;
  view.setUint32(0x214, image.code32Start ?? 0x100000, true);
  view.setUint32(0x22c, image.ramdiskLimit ?? 0x7fffffff, true);
  view.setUint32(0x230, image.alignment ?? 0x200000, true);
  setup[0x234] = (image.relocatable ?? true) ? 1 : 0;
  setup[0x235] = 13;
  view.setUint16(0x236, image.extendedFlags ?? 4, true);
  view.setUint32(0x238, image.commandLineSize ?? 2047, true);
  view.setBigUint64(0x258, BigInt(image.preferred ?? 0x200000), true);
  view.setUint32(0x260, image.initSize ?? 0x300000, true);
  view.setUint32(0x264, 0x11223344, true);
  view.setUint32(0x268, 0x55667788, true);
  // Past the header that the jump at 200h spans: must not reach the boot parameters.
  view.setUint32(0x26c, 0xdeadbeef, true);
  return concat(setup, code);
};
