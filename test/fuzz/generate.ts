/** Random cases: a mode, a state around it that is mostly plausible, and a program. */
import type { Decoder } from '../../src/decoder/instruction.ts';
import { Flag } from '../../src/x86/flags.ts';
import { CR0, CR4, EFER } from '../../src/x86/registers.ts';
import { type Case, CODE, defaultCase, type ModeName, modes, type PagingName } from './case.ts';
import { idioms } from './grammar.ts';
import { Area, codeOffset, isSmallCode, MOST_CODE, Selector, segmentOf, selectors } from './layout.ts';
import { address, Encoder, le32, value } from './operands.ts';
import { Random } from './random.ts';

/** A case under construction. */
type Draft = { -readonly [K in keyof Case]: Case[K] } & {
  registers: Record<string, number>;
  segments: Record<string, readonly number[]>;
  memory: [number, number[]][];
};

const totalWeight = idioms.reduce((n, [, weight]) => n + weight, 0);
const FOCUS_WEIGHT = 60;

/** Draws idioms; half of the programs prefer one of them. */
const idiomSource = (random: Random, preferred?: string) => {
  const named = idioms.find(([, , name]) => name === preferred);
  const focus = named ?? (random.chance(50) ? random.pick(idioms) : undefined);
  return () => {
    if (focus && random.chance(FOCUS_WEIGHT)) return focus[0];
    let n = random.below(totalWeight);
    for (const [idiom, weight] of idioms) {
      n -= weight;
      if (n < 0) return idiom;
    }
    return idioms[0]![0];
  };
};

const writeProgram = (
  draft: Draft,
  random: Random,
  decoder: Decoder,
  length: number,
  preferred?: string,
): void => {
  const bits = isSmallCode(draft) ? 16 : 32;
  const encoder = new Encoder(bits === 32);
  const code: number[][] = [];
  let size = 0;
  const next = idiomSource(random, preferred);
  const window = new Uint8Array(32);
  for (let tries = 0; code.length < length && size < MOST_CODE - 100 && tries < 20 * length; tries++) {
    const parts = next()({ random, c: draft, encoder, offset: codeOffset(draft) + size });
    const trimmed: number[][] = [];
    for (const part of parts) {
      window.set(part);
      const decoded = decoder.decode(window, 0, Math.min(part.length, 16), 0, bits);
      if (decoded.kind === 'instruction') trimmed.push(part.slice(0, decoded.instruction.length));
      else if (random.chance(4)) trimmed.push(part);
    }
    if (trimmed.length < parts.length) continue;
    code.push(...trimmed);
    for (const part of trimmed) size += part.length;
  }
  // And again from the start: blocks that were executed before are linked then.
  const back = -(size + (bits === 16 ? 3 : 5));
  code.push([0xe9, ...encoder.word(back)]);
  draft.code = code;
};

const chooseMode = (draft: Draft, random: Random, only: ModeName | undefined): void => {
  draft.mode = only ?? random.pick([...modes, 'p32', 'p32', 'p32', 'v86']);
  const real = draft.mode === 'real' || draft.mode === 'unreal';
  draft.cpl = real ? 0 : draft.mode === 'v86' ? 3 : random.pick([0, 0, 0, 0, 3, 3, 3, 1, 2]);
  draft.paging = random.pick<PagingName>(['off', 'legacy', 'legacy', 'legacy', 'pae', 'pae']);
  draft.wide = random.chance(12);
  draft.deliver = random.chance(60);
  draft.coherent = random.chance(90);
  draft.a20 = !(draft.wide && random.chance(25));
  draft.fill = random.chance(85) ? random.below(0x10000) | 8 : 0;
  draft.fpu = random.chance(50) ? random.below(0x8000) | 1 : 0;
  if (random.chance(25)) draft.at = CODE + 0xfc0 + random.below(0x40);
  draft.budget = 20 + random.below(random.chance(20) ? 400 : 130);
  if (random.chance(15)) draft.interrupts = 1 + random.below(50);
  else if (random.chance(5)) {
    draft.pit = 2 + random.below(6);
    draft.budget = 300 + random.below(600);
  }
};

const chooseRegisters = (draft: Draft, random: Random): void => {
  const { registers, mode } = draft;
  for (const name of ['eax', 'ecx', 'edx', 'ebx', 'ebp', 'esi', 'edi'])
    registers[name] = value(random, draft);
  if (random.chance(70))
    for (const name of ['ebx', 'esi', 'edi', 'ebp']) registers[name] = address(random, draft);
  if (random.chance(50)) registers.ecx = random.below(40);
  if (random.chance(50)) registers.esp = (address(random, draft) & (random.chance(90) ? ~3 : ~0)) >>> 0;
  let flags = 2 | (random.next() & 0x3ed5 & ~Flag.TF);
  if (random.chance(5)) flags |= Flag.TF;
  if (random.chance(5)) flags |= Flag.NT;
  if (random.chance(15)) flags |= Flag.AC;
  if (mode === 'v86') {
    flags |= Flag.VM;
    if (random.chance(50)) flags |= Flag.IOPL;
    if (random.chance(20)) flags |= random.pick([Flag.VIF, Flag.VIP, Flag.VIF | Flag.VIP]);
  }
  registers.efl = flags;
  const real = mode === 'real' || mode === 'unreal';
  if (random.chance(40)) {
    const paged = !real && draft.paging !== 'off';
    let cr0: number = real ? CR0.ET : CR0.PE | CR0.ET | CR0.MP | CR0.NE | (paged ? CR0.PG | CR0.WP : 0);
    for (const bit of [CR0.TS, CR0.EM, CR0.MP, CR0.NE, CR0.WP, CR0.AM])
      if (random.chance(bit === CR0.WP || bit === CR0.AM ? 40 : 12)) cr0 ^= bit;
    registers.cr0 = cr0;
  }
  if (random.chance(25)) {
    let cr4: number = CR4.OSFXSR | CR4.OSXMMEXCPT | CR4.PGE | (draft.paging === 'pae' ? CR4.PAE : CR4.PSE);
    for (const bit of [CR4.VME, CR4.PVI, CR4.TSD, CR4.DE, CR4.PGE, CR4.OSFXSR, CR4.OSXMMEXCPT])
      if (random.chance(30)) cr4 ^= bit;
    registers.cr4 = cr4;
  }
  if (draft.paging === 'pae' && random.chance(50)) registers.efer = EFER.NXE;
  if (random.chance(20)) {
    registers.sysentercs = random.pick([8, 8, 0, 0x48]);
    registers.sysenteresp = Area.STACK0;
    registers.sysentereip = random.chance(50) ? draft.at : Area.HANDLERS + 0x2f;
  }
  if (random.chance(6)) {
    for (const n of [0, 1, 2, 3])
      registers[`dr${n}`] = random.chance(50) ? draft.at + random.below(48) : address(random, draft);
    registers.dr7 = (random.next() & 0xffff00ff) | 0x400;
  }
};

const chooseSegments = (draft: Draft, random: Random): void => {
  const names = ['es', 'ds', 'fs', 'gs'];
  const { mode, cpl } = draft;
  const protect = mode === 'p16' || mode === 'p32' || mode === 'segmented';
  while (random.chance(20)) {
    const name = random.pick(names);
    if (protect) {
      const choices = [Selector.data32(cpl), Selector.data16(cpl), Selector.data32(3), Selector.data16(3)];
      choices.push(Selector.DOWN16, Selector.DOWN32, Selector.READ_ONLY, Selector.CONFORMING32);
      const loaded = [...segmentOf(random.pick(choices))];
      // The hidden part need not be what the table says now.
      if (random.chance(30)) loaded[2] = random.chance(50) ? random.below(0x10000) : 0xffffffff;
      if (random.chance(20)) loaded[1] = address(random, draft);
      draft.segments[name] = random.chance(15) ? [random.below(4), 0, 0, 0] : loaded;
    } else if (mode !== 'v86') {
      const attributes = random.pick([0x9300, 0x9300, 0xc09300, 0x409300]);
      const limit = random.pick([0xffff, 0xffffffff, 0xfffff, random.below(0x10000)]);
      draft.segments[name] = [
        random.below(0x10000),
        random.pick([0, Area.ARENA, 0x100000]),
        limit,
        attributes,
      ];
    } else {
      const selector = random.below(0x2000);
      draft.segments[name] = [selector, selector << 4, 0xffff, 0xf300];
    }
  }
};

const patchTables = (draft: Draft, random: Random): void => {
  const { memory } = draft;
  while (random.chance(20)) {
    const at = random.chance(80)
      ? Area.GDT + (random.pick(selectors) & 0x1f8)
      : Area.LDT + random.below(12) * 8;
    if (random.chance(60)) memory.push([at + random.below(8), [random.below(256)]]);
    else memory.push([at, [...le32(random.next()), ...le32((random.next() & ~0x300000) | 0x8000)]]);
  }
  while (random.chance(20)) {
    const entry =
      (random.chance(80) ? Area.IDT : 0) + random.pick([0, 1, 3, 6, 8, 10, 11, 12, 13, 14, 17, 32, 48]) * 8;
    if (random.chance(40)) memory.push([entry + random.below(8), [random.below(256)]]);
    else memory.push([entry + 2, [...le32(random.pick(selectors)).slice(0, 2), 0, random.next() & 0xff]]);
  }
  while (random.chance(8)) memory.push([Area.TSS + random.below(0xe8), le32(value(random, draft))]);
  while (random.chance(8))
    memory.push([
      random.pick([Area.TASK, Area.TASK16]) + random.below(0x68),
      le32(value(random, draft)).slice(0, 2),
    ]);
  if (draft.paging === 'off') return;
  const wide = draft.paging === 'pae';
  // As kernels have it: what the processor uses by itself is the supervisor's.
  if (draft.cpl === 3 && random.chance(50))
    for (let page = Area.GDT >> 12; page <= Area.STACK0 >> 12; page++)
      memory.push([Area.TABLE + page * (wide ? 8 : 4), [3]]);
  while (random.chance(55)) {
    const page = random.chance(80) ? 0x10 + random.below(16) : random.below(0x40);
    const table = random.pick([Area.TABLE, Area.TABLE, Area.ALIAS_TABLE]);
    const flags = random.pick([
      0,
      1,
      3,
      5,
      7,
      0x107,
      0x67,
      0x47,
      0x27,
      random.below(0x1000),
      7 | (random.below(16) << 5),
    ]);
    const frame = random.chance(85) ? page : 0x10 + random.below(16);
    memory.push([table + page * (wide ? 8 : 4), le32((frame << 12) | flags)]);
    if (wide && random.chance(30))
      memory.push([
        table + page * 8 + 4,
        le32(random.pick([0x80000000, 0x80000000, 1, 0xf, 0x10, 0x40000000])),
      ]);
  }
  if (random.chance(10)) {
    const top = wide ? Area.LOW_DIRECTORY : Area.TOP;
    memory.push([top + random.below(5) * (wide ? 8 : 4), [random.below(256)]]);
  }
};

/** Wild tables and places: what a hostile guest would try. */
const makeHostile = (draft: Draft, random: Random): void => {
  const { registers, segments, memory } = draft;
  const wild = () =>
    random.pick([
      0,
      0xa0000,
      0xb8000,
      0xffff0,
      0x1f000,
      0x1ffff,
      0x1ff000,
      0xe0000000,
      0xf0000000,
      0xfec00000,
      0xfffff000,
      0xfffffffe,
      random.next(),
    ]);
  const tricks: readonly (() => void)[] = [
    () => {
      registers.cr3 = wild();
    },
    () => {
      registers.gdt = wild();
      registers.gdtlimit = random.pick([0xffff, 0x7f, 0]);
    },
    () => {
      registers.idt = wild();
      registers.idtlimit = random.pick([0xffff, 0x7ff, 0x2f, 0]);
    },
    () => {
      segments.tr = [Selector.TSS, wild(), random.pick([0x67, 0xffff, 0x10]), random.pick([0x8b00, 0x8300])];
    },
    () => {
      segments.ldtr = [Selector.LDT, wild(), 0xffff, 0x8200];
    },
    () => {
      registers.esp = random.pick([0, 1, 2, 3, 5, 0xffffffff, 0xfffffffd, wild()]);
    },
    () => {
      draft.at = random.pick([0x1fff0, 0x1ffff, 0x9fff8, 0xffffffff, 0xfffffff8, 0xfffff800]);
      if (isSmallCode(draft)) draft.at = Area.ARENA + random.pick([0xfff0, 0xffff]);
    },
    () => {
      // Tables that map themselves.
      memory.push([Area.TOP + random.pick([0, 1, 2, 0x300, 0x3ff]) * 4, le32(Area.TOP | 7)]);
    },
    () => {
      // Tables where there is no memory, and mappings of none.
      memory.push([Area.TOP + random.below(4) * 4, le32((wild() & 0xfffff000) | 7)]);
      memory.push([Area.TABLE + (0x10 + random.below(16)) * 4, le32((wild() & 0xfffff000) | 7)]);
    },
    () => {
      const [, , limit, attributes] = segmentOf(Selector.data32(draft.cpl));
      segments[random.pick(['ds', 'es'])] = [Selector.data32(draft.cpl), wild(), limit, attributes];
    },
    () => {
      // Every handler is somewhere else.
      memory.push([Area.IDT, Array.from({ length: 256 }, () => random.below(256))]);
    },
  ];
  do random.pick(tricks)();
  while (random.chance(50));
};

export interface GenerateOptions {
  readonly mode?: ModeName;
  /** Length of the program in instructions; random if left out. */
  readonly length?: number;
  /** Name of the idiom that most of the program consists of. */
  readonly preferred?: string;
}

/** The case of a seed: always the same. */
export const randomCase = (seed: number, decoder: Decoder, options: GenerateOptions = {}): Case => {
  const random = new Random(seed);
  const draft: Draft = { ...defaultCase, registers: {}, segments: {}, memory: [] };
  chooseMode(draft, random, options.mode);
  chooseRegisters(draft, random);
  chooseSegments(draft, random);
  patchTables(draft, random);
  if (random.chance(8)) makeHostile(draft, random);
  const length = options.length ?? 1 + random.below(random.chance(30) ? 40 : 14);
  writeProgram(draft, random, decoder, length, options.preferred);
  return draft;
};
