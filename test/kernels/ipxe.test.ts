/**
 * iPXE is a program for real mode and a PC's firmware: it has no protected-mode entry point, so the loader starts its
 * setup code. This machine has no firmware, and iPXE comes as far as it can without.
 *
 * The first thing that it asks is the size of conventional memory, in KiB, at 413h of the BIOS data area, to put its
 * stack at the top. Without firmware that is 0; 0 KiB less its own size wraps around, to the BIOS area, where writes are
 * lost. So it reads back FFFFFFFFh as the address of its descriptor table, and its first jump to protected mode is a
 * general protection fault, without any handler.
 *
 * Told that one number, it goes on: to protected mode and back, unpacks itself to the top of memory, opens the A20 gate;
 * until it asks the firmware for the size of extended memory, by INT 15h.
 */
import { describe, expect, it } from 'vitest';
import type { Machine } from '../../src/machine/machine.ts';
import { gprNames, Seg } from '../../src/x86/registers.ts';
import { present, runKernel } from './kernel-run.ts';

/** BIOS data area: KiB of conventional memory. */
const BASE_MEMORY = 0x413;
/** Free memory, where a HLT for each interrupt vector shows which is called. */
const HALTS = 0x600;
const HLT = 0xf4;

const viewOf = (machine: Machine): DataView => {
  const ram = machine.memory.ram();
  return new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
};
const haltAtInterrupts = (machine: Machine): void => {
  const view = viewOf(machine);
  for (let vector = 0; vector < 256; vector++) {
    view.setUint32(vector * 4, HALTS + vector, true);
    view.setUint8(HALTS + vector, HLT);
  }
};

const run = (technique: 'native' | 'bt', prepare: (machine: Machine) => void) =>
  runKernel({ file: 'ipxe.lkrn', technique, memory: 64 << 20, limit: 10e6, prepare });

describe.skipIf(!present('ipxe.lkrn')).each(['native', 'bt'] as const)('iPXE under %s', (technique) => {
  it('stops where the BIOS data area has no size of conventional memory', async () => {
    const { machine, outcome, warnings } = await run(technique, (it) =>
      expect(viewOf(it).getUint16(BASE_MEMORY, true)).toBe(0),
    );
    expect(outcome.kind).toBe('shutdown');
    // What is left when it has taken its part.
    expect(viewOf(machine).getUint16(BASE_MEMORY, true)).toBeGreaterThan(1000);
    // JMP ptr16:32 to protected mode, with the stack in the BIOS area.
    const { cpu } = machine;
    const code = (cpu.selector(Seg.CS) << 4) + cpu.eip;
    expect(viewOf(machine).getUint8(code)).toBe(0xea);
    expect(cpu.selector(Seg.SS)).toBeGreaterThan(0xf000);
    expect(warnings).toEqual([]);
  });

  it('unpacks itself, and stops where it asks the firmware for the size of extended memory', async () => {
    const { machine, outcome, statistics, warnings } = await run(technique, (it) => {
      viewOf(it).setUint16(BASE_MEMORY, 639, true);
      haltAtInterrupts(it);
    });
    expect(outcome).toEqual({ kind: 'halted' });
    const { cpu } = machine;
    expect(cpu.eip - (HALTS + 1)).toBe(0x15);
    expect((cpu.gpr(gprNames.indexOf('eax')) >> 8) & 0xff).toBe(0x88);
    expect(statistics.instructions).toBeGreaterThan(500_000);
    expect(warnings).toEqual([]);
  });
});
