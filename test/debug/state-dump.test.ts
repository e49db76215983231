import { expect, test } from 'vitest';
import { formatCode, formatState } from '../../src/debug/state-dump.ts';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { PhysicalMemory } from '../../src/memory/physical.ts';
import { Gpr, Seg } from '../../src/x86/registers.ts';
import { CpuState, System, SystemBase } from '../../src/x86/state.ts';

const memory = new PhysicalMemory(4 << 20, 0, 1 << 16);
const state = new CpuState(memory.memory.buffer, SystemBase.PHYSICAL);
const decoder = await createDecoder();
state.setGpr(Gpr.EAX, 0x12345678);
state.setGpr(Gpr.ESP, -4);
state.eip = 0x1000;
state.eflags = 0x3246;
state.cpl = 3;
state.setSegment(Seg.CS, 0x1b, 0, 0xffffffff, 0xc0fb00);
state.setSegment(Seg.SS, 0x23, 0x1000, 0xfff, 0x40f300);

test('registers, flags, segments and tables', () => {
  const lines = formatState(state);
  expect(lines[0]).toBe('EAX 12345678  EBX 00000000  ECX 00000000  EDX 00000000');
  expect(lines[1]).toBe('ESI 00000000  EDI 00000000  EBP 00000000  ESP fffffffc');
  // 3246h: PF, ZF, IF and IOPL 3 (SDM vol. 1, section 3.4.3).
  expect(lines[2]).toBe('EIP 00001000  CPL 3  EFLAGS 00003246  IOPL=3 IF ZF PF');
  expect(lines).toContain('CS   001b 00000000 ffffffff 00c0fb00');
  expect(lines).toContain('SS   0023 00001000 00000fff 0040f300');
  expect(lines).toContain('FS   0000 00000000 00000000 00000000  unusable');
});

test('the PDPTE registers with PAE paging', () => {
  const pae = new CpuState(memory.memory.buffer, SystemBase.VIRTUAL);
  expect(formatState(pae).join('\n')).not.toContain('PDPTE');
  pae.setSys(System.CR4, 0x20);
  pae.setSys(System.EFER, 0x800);
  pae.setSys(System.PDPTES + 8, 0x12345001);
  pae.setSys(System.PDPTES + 12, 0xf);
  const lines = formatState(pae);
  expect(lines).toContain('PDPTE0 0:00000000  PDPTE1 f:12345001  PDPTE2 0:00000000  PDPTE3 0:00000000');
  expect(lines.join('\n')).toContain('CR4 00000020  EFER 00000800');
});

test('code, up to where it is mapped, without touching the tables', () => {
  // One page of user code at 1000h, through a directory at 10000h and a table at 11000h.
  memory.write(0x10000, 4, 0x11007);
  memory.write(0x11004, 4, 0x20005);
  memory.load(0x20000, Uint8Array.from([0x0f, 0x0b, 0x90]));
  memory.load(0x20ffd, Uint8Array.from([0x90, 0xb8, 0x01]));
  state.setSys(System.CR0, 0x80000011 | 0);
  state.setSys(System.CR3, 0x10000);

  expect(formatCode(state, memory, decoder).slice(0, 2)).toEqual([
    '00001000  0f 0b                    ud2',
    '00001002  90                       nop',
  ]);
  // The instruction at 1FFEh needs bytes of a page that is not there.
  state.eip = 0x1ffd;
  expect(formatCode(state, memory, decoder)).toHaveLength(1);
  state.eip = 0x2000;
  expect(formatCode(state, memory, decoder)).toEqual(['00002000  not mapped']);
  expect([memory.read(0x10000, 4), memory.read(0x11004, 4)]).toEqual([0x11007, 0x20005]);
});
