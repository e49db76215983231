/**
 * Which handler or callout executes an opcode: the opcode map (SDM vol. 2, appendix A) as data. Operands
 * come from the decoder; here an instruction only gets its name.
 */
import type { Instruction } from '../decoder/instruction.ts';
import type { CalloutName } from '../instructions/callouts/index.ts';
import { Feature } from '../x86/cpu-models.ts';

/** What executes an instruction: a handler of the builder, or a callout. */
export type Meaning =
  | { readonly handler: string; readonly condition?: number; readonly feature?: Feature }
  | { readonly callout: CalloutName; readonly feature?: Feature };

type Entry = Meaning | ((i: Instruction) => Meaning | undefined);

const handler = (name: string, condition?: number): Meaning =>
  condition === undefined ? { handler: name } : { handler: name, condition };
const callout = (name: CalloutName): Meaning => ({ callout: name });
/** An instruction that not every model has. Callouts look at the model by themselves. */
const needing = (feature: Feature, name: string, condition = 0): Meaning => ({
  handler: name,
  condition,
  feature,
});

const map = new Map<number, Entry>();
const set = (opcodes: number | readonly number[], entry: Entry): void => {
  for (const opcode of typeof opcodes === 'number' ? [opcodes] : opcodes) map.set(opcode, entry);
};
const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
const reg = (i: Instruction): number => (i.modrm >> 3) & 7;
const isMemory = (i: Instruction): boolean => i.modrm >> 6 !== 3;
/** By the reg field of ModRM. */
const group =
  (...entries: (Meaning | null)[]): Entry =>
  (i) =>
    entries[reg(i)] ?? undefined;

const ALU = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'] as const;
for (const [n, name] of ALU.entries()) set(range(n * 8, 6), handler(name));
set([0x80, 0x81, 0x82, 0x83], group(...ALU.map((name) => handler(name))));
set([0x06, 0x0e, 0x16, 0x1e, 0x0fa0, 0x0fa8], handler('push.segment'));
set([0x07, 0x17, 0x1f, 0x0fa1, 0x0fa9], callout('pop_sreg'));
set(0x27, handler('daa'));
set(0x2f, handler('das'));
set(0x37, handler('aaa'));
set(0x3f, handler('aas'));
set(range(0x40, 8), handler('inc'));
set(range(0x48, 8), handler('dec'));
set(range(0x50, 8), handler('push'));
set(range(0x58, 8), handler('pop'));
set(0x60, handler('pusha'));
set(0x61, handler('popa'));
set(0x62, callout('bound'));
set(0x63, callout('arpl'));
set([0x68, 0x6a], handler('push'));
set([0x69, 0x6b], handler('imul3'));
set([0x6c, 0x6d], callout('ins'));
set([0x6e, 0x6f], callout('outs'));
for (const n of range(0, 16)) {
  set([0x70 + n, 0x0f80 + n], handler('j', n));
  set(0x0f40 + n, needing(Feature.CMOV, 'cmov', n));
  set(0x0f90 + n, handler('set', n));
}
set([0x84, 0x85, 0xa8, 0xa9], handler('test'));
set([0x86, 0x87], handler('xchg'));
set([0x88, 0x89, 0x8a, 0x8b, ...range(0xa0, 4), ...range(0xb0, 16), 0xc6, 0xc7], handler('mov'));
set(0x8c, handler('mov.from.segment'));
set(0x8d, handler('lea'));
set(0x8e, callout('mov_to_sreg'));
set(0x8f, (i) => handler(isMemory(i) ? 'pop.memory' : 'pop'));
set(0x90, handler('nop'));
set(range(0x91, 7), handler('xchg'));
set(0x98, handler('cbw'));
set(0x99, handler('cwd'));
set(0x9a, callout('call_far'));
set(0x9c, handler('pushf'));
set(0x9d, handler('popf'));
set(0x9e, handler('sahf'));
set(0x9f, handler('lahf'));
set([0xa4, 0xa5], handler('movs'));
set([0xa6, 0xa7], handler('cmps'));
set([0xaa, 0xab], handler('stos'));
set([0xac, 0xad], handler('lods'));
set([0xae, 0xaf], handler('scas'));

const SHIFTS = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'shl', 'sar'] as const;
set([0xc0, 0xc1, 0xd0, 0xd1], group(...SHIFTS.map((name) => handler(name))));
set([0xd2, 0xd3], group(...SHIFTS.map((name) => handler(`${name}.cl`))));
set([0xc2, 0xc3], handler('ret'));
set(0xc4, callout('les'));
set(0xc5, callout('lds'));
set(0xc8, handler('enter'));
set(0xc9, handler('leave'));
set([0xca, 0xcb], callout('retf'));
set(0xcc, callout('int3'));
set(0xcd, callout('int_n'));
set(0xce, callout('into'));
set(0xcf, callout('iret'));
set(0xd4, handler('aam'));
set(0xd5, handler('aad'));
set(0xd6, handler('salc'));
set(0xd7, handler('xlat'));
set(0xe0, handler('loopne'));
set(0xe1, handler('loope'));
set(0xe2, handler('loop'));
set(0xe3, handler('jcxz'));
set([0xe4, 0xe5], callout('in_imm'));
set([0xe6, 0xe7], callout('out_imm'));
set(0xe8, handler('call'));
set([0xe9, 0xeb], handler('jmp'));
set(0xea, callout('jmp_far'));
set([0xec, 0xed], callout('in_dx'));
set([0xee, 0xef], callout('out_dx'));
set(0xf1, callout('int1'));
set(0xf4, callout('hlt'));
set(0xf5, handler('cmc'));
set(
  [0xf6, 0xf7],
  group(
    handler('test'),
    handler('test'),
    handler('not'),
    handler('neg'),
    handler('mul'),
    handler('imul'),
    handler('div'),
    handler('idiv'),
  ),
);
set(0xf8, handler('clc'));
set(0xf9, handler('stc'));
set(0xfa, handler('cli'));
set(0xfb, handler('sti'));
set(0xfc, handler('cld'));
set(0xfd, handler('std'));
set(0xfe, group(handler('inc'), handler('dec')));
set(
  0xff,
  group(
    handler('inc'),
    handler('dec'),
    handler('call.indirect'),
    callout('call_far_mem'),
    handler('jmp.indirect'),
    callout('jmp_far_mem'),
    handler('push'),
  ),
);

set(
  0x0f00,
  group(callout('sldt'), callout('str'), callout('lldt'), callout('ltr'), callout('verr'), callout('verw')),
);
set(
  0x0f01,
  group(
    callout('sgdt'),
    callout('sidt'),
    callout('lgdt'),
    callout('lidt'),
    callout('smsw'),
    null,
    callout('lmsw'),
    callout('invlpg'),
  ),
);
set(0x0f02, callout('lar'));
set(0x0f03, callout('lsl'));
set(0x0f06, callout('clts'));
set(0x0f08, callout('invd'));
set(0x0f09, callout('wbinvd'));
set([0x0f0d, ...range(0x0f18, 8)], handler('nop'));
set(0x0f20, callout('mov_from_cr'));
set(0x0f21, callout('mov_from_dr'));
set(0x0f22, callout('mov_to_cr'));
set(0x0f23, callout('mov_to_dr'));
set(0x0f30, callout('wrmsr'));
set(0x0f31, { callout: 'rdtsc', feature: Feature.TSC });
set(0x0f32, callout('rdmsr'));
set(0x0f33, callout('rdpmc'));
set(0x0f34, callout('sysenter'));
set(0x0f35, callout('sysexit'));
set(0x0fa2, callout('cpuid'));
set(0x0fa3, (i) => handler(isMemory(i) ? 'bt.string' : 'bt'));
set(0x0fab, (i) => handler(isMemory(i) ? 'bts.string' : 'bts'));
set(0x0fb3, (i) => handler(isMemory(i) ? 'btr.string' : 'btr'));
set(0x0fbb, (i) => handler(isMemory(i) ? 'btc.string' : 'btc'));
set(0x0fba, group(null, null, null, null, handler('bt'), handler('bts'), handler('btr'), handler('btc')));
set(0x0fa4, handler('shld'));
set(0x0fa5, handler('shld.cl'));
set(0x0fac, handler('shrd'));
set(0x0fad, handler('shrd.cl'));
set(0x0faf, handler('imul2'));
set([0x0fb0, 0x0fb1], handler('cmpxchg'));
set(0x0fb2, callout('lss'));
set(0x0fb4, callout('lfs'));
set(0x0fb5, callout('lgs'));
set(0x0fb6, handler('movzx8'));
set(0x0fb7, handler('movzx16'));
set(0x0fbe, handler('movsx8'));
set(0x0fbf, handler('movsx16'));
// The F3 forms (TZCNT, LZCNT) are later processors': here the prefix means nothing.
set(0x0fbc, handler('bsf'));
set(0x0fbd, handler('bsr'));
set([0x0fc0, 0x0fc1], handler('xadd'));
set(0x0fc7, group(null, needing(Feature.CX8, 'cmpxchg8b')));
set(range(0x0fc8, 8), handler('bswap'));

/** Opcodes that exist to raise #UD; every other opcode without a meaning is one that is not built. */
export const definedAsUndefined = new Set([0x0f0b, 0x0fb9, 0x0fff]);

/** @returns undefined where nothing here executes the instruction */
export const meaningOf = (i: Instruction): Meaning | undefined => {
  const entry = map.get(i.opcode);
  return typeof entry === 'function' ? entry(i) : entry;
};
