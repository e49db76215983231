/**
 * Random accesses, changes of tables, and switches of address spaces and modes: an MMU under kept shadow page tables
 * must do, to the last bit of memory, what one does that walks the guest's tables itself; stale translations included.
 */
import { expect, test } from 'vitest';
import { Mmu } from '../../src/memory/mmu.ts';
import { a20Mask, newPagingMode, pagingModel, takeControlRegisters } from '../../src/memory/paging.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { createShadowPaging } from '../../src/monitor/shadow.ts';
import { GuestTables, SHADOW_MEMORY, shadowModel } from '../../src/monitor/shadow-paging.ts';
import { CR0, CR4, EFER } from '../../src/x86/registers.ts';
import { CpuState, State, System, SystemBase } from '../../src/x86/state.ts';
import { Random } from '../fuzz/random.ts';

const PAGE = 4096;
const RAM = 48 * PAGE;
/** Any page may be a table, the first ones mostly are. */
const TABLES = 10;
const STEPS = 1200;
const MODEL = pagingModel(36, true, true);

/** An MMU, and how its guest loads CR3 and other registers. */
interface Side {
  readonly memory: PhysicalMemory;
  readonly mmu: Mmu;
  readonly guest: CpuState;
  changed(global: boolean): void;
  invalidate(linear: number): void;
  a20(enabled: boolean): void;
}

const bare = (): Side => {
  const memory = new PhysicalMemory(RAM, 0, PAGE);
  const guest = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
  const mmu = new Mmu(memory, guest);
  mmu.model = MODEL;
  return {
    memory,
    mmu,
    guest,
    changed: (global) => mmu.tlb.flush(global),
    invalidate: (linear) => mmu.tlb.invalidate(linear),
    a20(enabled) {
      mmu.addressMask = a20Mask(enabled);
    },
  };
};
const monitored = (pages: number): Side => {
  const memory = new PhysicalMemory(RAM, SHADOW_MEMORY, PAGE);
  const processor = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
  const guest = new CpuState(memory.memory.buffer, SystemBase.VIRTUAL);
  const mmu = new Mmu(memory, processor);
  mmu.model = shadowModel;
  const paging = { ...newPagingMode(guest), model: MODEL };
  const shadow = createShadowPaging(mmu, new GuestTables(mmu), { shadowPages: pages });
  processor.setSys(System.CR0, CR0.PE | CR0.PG | CR0.WP);
  processor.setSys(System.CR4, CR4.PAE | CR4.PGE);
  shadow.install(processor);
  /** The access mended last, and how often in a row. */
  let last = '';
  let inRow = 0;
  mmu.hooks = {
    ...mmu.hooks,
    onPageFault(linear, access) {
      takeControlRegisters(paging, guest);
      const fault = shadow.fill(paging, linear, access);
      const same = `${linear} ${access}`;
      inRow = same === last ? inRow + 1 : 0;
      last = same;
      if (inRow > 50) throw new Error('the same access is hidden from the guest for ever');
      return fault;
    },
    onWatchedWrite(physical, size) {
      shadow.tableWritten(physical, size);
    },
  };
  return {
    memory,
    mmu,
    guest,
    changed(global) {
      takeControlRegisters(paging, guest);
      shadow.pagingChanged(paging, global);
      mmu.tlb.flush(global);
    },
    invalidate(linear) {
      shadow.invalidate(linear);
      mmu.tlb.invalidate(linear);
    },
    a20(enabled) {
      paging.addressMask = a20Mask(enabled);
    },
  };
};

const BASES = [0, 0x200000, 0x400000, 0xc0000000, 0xffc00000, 0xffe00000];
const linearOf = (random: Random): number =>
  random.pick(BASES) + random.below(4) * PAGE + random.below(16) * 4;
/** Offsets in a table of the entries that these addresses use. */
const offsetOf = (random: Random): number => {
  const size = random.pick([4, 8]);
  return (random.pick([0, 1, 2, 3, 512, 513, 768, 1022, 1023, 510, 511]) * size) & 0xfff;
};
const entryOf = (random: Random): number => {
  const frame = random.chance(60) ? random.below(TABLES) : random.chance(90) ? random.below(48) : 0xa0;
  const bits =
    (random.chance(90) ? 1 : 0) | (random.chance(85) ? 6 : random.below(4) * 2) | (random.below(4) << 5);
  return ((frame * PAGE) | bits | (random.chance(8) ? 0x80 : 0) | (random.chance(20) ? 0x100 : 0)) >>> 0;
};
const highOf = (random: Random): number => (random.chance(80) ? 0 : random.pick([0x80000000, 1, 0x10]));

/** What one step shows of an MMU. */
const outcome = ({ mmu, memory }: Side, value: number): string => {
  const { words } = memory;
  const fault = mmu.faulted ? `${words[State.FAULT_VECTOR >> 2]}:${words[State.FAULT_ERROR >> 2]}` : 'done';
  return `${fault} ${value}`;
};

type Step = (side: Side) => string;
/** One operation, the same for both. */
const stepOf = (random: Random): Step => {
  const linear = linearOf(random);
  const user = random.chance(50);
  const kind = random.below(100);
  if (kind < 30) return (s) => outcome(s, s.mmu.read(linear, 4, user));
  if (kind < 50) {
    const value = random.chance(50) ? entryOf(random) : random.next();
    return (s) => {
      s.mmu.write(linear, 4, value, user);
      return outcome(s, 0);
    };
  }
  if (kind < 58)
    return (s) => {
      const physical = s.mmu.translateFetch(linear, user);
      if (physical < 0) return `14:${s.memory.words[State.FAULT_ERROR >> 2]}`;
      // Under a monitor all holes are one.
      return physical < RAM ? `${physical}` : 'hole';
    };
  if (kind < 80) {
    const at = random.below(TABLES) * PAGE + offsetOf(random);
    const high = random.chance(40);
    const value = high ? highOf(random) : entryOf(random);
    const size = random.chance(90) ? 4 : 1;
    return (s) => {
      s.mmu.writePhysical(at + (high ? 4 : 0), size, value);
      return '';
    };
  }
  if (kind < 85)
    return (s) => {
      s.invalidate(linear);
      return '';
    };
  if (kind < 97) {
    const cr3 = random.below(TABLES) * PAGE;
    const pointers = Array.from(
      { length: 4 },
      () => (random.below(TABLES) * PAGE) | (random.chance(90) ? 1 : 0),
    );
    // Mostly the tables that CR3 leads to by itself.
    const fixed = random.chance(80);
    return (s) => {
      s.guest.setSys(System.CR3, cr3);
      for (let i = 0; i < 4; i++)
        s.guest.setSys(System.PDPTES + i * 8, fixed ? ((cr3 ^ (i << 12)) % (8 * PAGE)) | 1 : pointers[i]!);
      s.changed((s.guest.sys(System.CR4) & CR4.PGE) === 0);
      return '';
    };
  }
  const [field, bits] = random.pick([
    [System.CR0, CR0.WP],
    [System.CR0, CR0.PG],
    [System.CR4, CR4.PAE],
    [System.CR4, CR4.PSE],
    [System.CR4, CR4.PGE],
    [System.EFER, EFER.NXE],
  ] as const);
  const a20 = random.chance(90);
  return (s) => {
    s.guest.setSys(field, s.guest.sys(field) ^ bits);
    s.a20(a20);
    s.changed(true);
    return '';
  };
};

const ram = ({ memory }: Side): Buffer => Buffer.from(memory.ram().buffer, memory.ram().byteOffset, RAM);

/** @returns how many accesses were allowed, and faulted */
const contest = (seed: number, pages: number): readonly [number, number] => {
  const random = new Random(seed);
  const sides = [bare(), monitored(pages)] as const;
  const tables: [number, number][] = [];
  for (let table = 0; table < TABLES; table++)
    for (let offset = 0; offset < PAGE; offset += 4)
      tables.push([table * PAGE + offset, offset % 8 === 4 && random.chance(70) ? 0 : entryOf(random)]);
  const cr4 = random.pick([0, CR4.PSE, CR4.PGE | CR4.PSE, CR4.PAE, CR4.PAE | CR4.PGE]);
  for (const side of sides) {
    for (const [at, value] of tables) side.memory.write(at, 4, value);
    side.guest.setSys(System.CR0, CR0.PE | CR0.PG | CR0.WP);
    side.guest.setSys(System.CR4, cr4);
    for (let i = 0; i < 4; i++) side.guest.setSys(System.PDPTES + i * 8, (i * PAGE) | 1);
    side.changed(true);
  }
  let allowed = 0;
  let faulted = 0;
  for (let i = 0; i < STEPS; i++) {
    const step = stepOf(random);
    const [native, shadowed] = sides.map(step) as [string, string];
    expect(shadowed, `seed ${seed}, step ${i}`).toBe(native);
    const same = ram(sides[0]).equals(ram(sides[1]));
    expect(same, `seed ${seed}, step ${i}: memory`).toBe(true);
    if (native.startsWith('done')) allowed++;
    else if (native.startsWith('14')) faulted++;
  }
  return [allowed, faulted];
};

/** RINGDOWN_SHADOW_SEEDS and RINGDOWN_SHADOW_FIRST widen the search. */
const SEEDS = Number(process.env.RINGDOWN_SHADOW_SEEDS ?? 20);
const FIRST = Number(process.env.RINGDOWN_SHADOW_FIRST ?? 0);

test.each([
  ['ample', 256],
  ['hardly any', 8],
])('an MMU with shadow page tables in %s room is like one without', (_name, pages) => {
  let allowed = 0;
  let faulted = 0;
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const [a, f] = contest(seed, pages);
    allowed += a;
    faulted += f;
  }
  expect(allowed).toBeGreaterThan(SEEDS * STEPS * 0.1);
  expect(faulted).toBeGreaterThan(SEEDS * STEPS * 0.05);
});
