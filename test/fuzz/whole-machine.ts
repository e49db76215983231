/**
 * Whole machines with hostile kernels: the loader, the clock and the devices are those users get, and `run` must
 * come back when it is told to stop. Nothing is compared.
 */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { Machine } from '../../src/machine/machine.ts';
import { type Case, formatCase } from './case.ts';
import { randomCase } from './generate.ts';
import { Area, codeOffset, GDT_LIMIT, IDT_LIMIT, Selector, SMALL_RAM, writeImage } from './layout.ts';
import { le16, le32 } from './operands.ts';
import type { Found } from './session.ts';

const TECHNIQUES = ['native', 'bt', 'trap', 'hw', 'hw+nested'] as const;
const MEMORY = 2 << 20;
/** Where the kernel is loaded: a stub, then the image that it moves down. */
const BASE = 0x100000;
const STUB = 0x100;
const MAGIC = 0x1badb002;
const LOAD_ADDRESSES = 1 << 16;
/** Host milliseconds after which a guest is stopped. */
const PATIENCE = 5;

/** A Multiboot kernel that sets up the standard image and runs a case's program in ring 0. */
export const kernelOf = (c: Case): Uint8Array => {
  const image = new Uint8Array(SMALL_RAM);
  writeImage(c, image);
  const used = image.subarray(Area.TOP, Area.ARENA_END);
  const kernel = new Uint8Array(STUB + used.length);
  const pointers = BASE + 0x80;
  const header = [MAGIC, LOAD_ADDRESSES, -(MAGIC + LOAD_ADDRESSES) | 0, BASE, BASE, 0, 0, BASE + 0x20];
  kernel.set(header.flatMap(le32));
  kernel.set(
    [
      ...[0xfc, 0xbe, ...le32(BASE + STUB), 0xbf, ...le32(Area.TOP)], // cld; mov esi, …; mov edi, …
      ...[0xb9, ...le32(used.length), 0xf3, 0xa4], // mov ecx, …; rep movsb
      ...[0x0f, 0x01, 0x15, ...le32(pointers), 0x0f, 0x01, 0x1d, ...le32(pointers + 8)], // lgdt; lidt
      ...[0x66, 0xb8, ...le16(Selector.data32(0)), 0x8e, 0xd0, 0x8e, 0xd8, 0x8e, 0xc0], // mov ss, ds, es
      ...[0xbc, ...le32(Area.ARENA + 0x4800), 0xea, ...le32(codeOffset(c)), ...le16(Selector.code32(0))],
    ],
    0x20,
  );
  kernel.set([...le16(GDT_LIMIT), ...le32(Area.GDT)], 0x80);
  kernel.set([...le16(IDT_LIMIT), ...le32(Area.IDT)], 0x88);
  kernel.set(used, STUB);
  return kernel;
};

export class WholeMachines {
  readonly #decoder: Decoder;
  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  /** Runs a kernel made from a seed for a while. @returns what went wrong */
  async play(seed: number): Promise<Found | undefined> {
    const generated = randomCase(seed, this.#decoder, {
      mode: 'p32',
      length: 24,
      ...(seed % 3 !== 0 && { preferred: seed % 3 === 1 ? 'port' : 'interrupt' }),
    });
    const c: Case = { ...generated, cpl: 0, paging: 'legacy', wide: false, at: 0x13000 };
    try {
      const machine = new Machine(this.#decoder, {
        memory: MEMORY,
        technique: TECHNIQUES[(seed >>> 2) % TECHNIQUES.length]!,
        engine: seed % 10 === 0 ? 'reference' : 'core',
        cacheSize: 64 << 10,
        clock: seed % 7 === 0 ? 'wall' : 'virtual',
      });
      machine.load({ name: 'hostile', kernel: kernelOf(c) });
      const timer = setTimeout(() => machine.stop(), PATIENCE);
      await machine.run();
      clearTimeout(timer);
      return undefined;
    } catch (error) {
      const difference = `thrown: ${(error as Error).stack ?? error}`;
      return { seed, pair: 'a whole machine', difference, text: formatCase(c) };
    }
  }
}
