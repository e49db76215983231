import type { Instruction } from '../decoder/instruction.ts';
import { Treatment } from '../translator/encode.ts';
import { meaningOf } from '../translator/opcodes.ts';
import { mmuVariants } from './mmu-variants.ts';
import type { ExitControl, Technique } from './technique.ts';

/** Callouts by the control that makes them exit. */
const EXITING: Readonly<Record<ExitControl, readonly string[]>> = {
  'descriptor-table': ['lgdt', 'lidt', 'sgdt', 'sidt', 'lldt', 'ltr', 'sldt', 'str'],
  hlt: ['hlt'],
  io: ['in_imm', 'in_dx', 'out_imm', 'out_dx', 'ins', 'outs'],
  'mov-dr': ['mov_to_dr', 'mov_from_dr'],
  msr: ['rdmsr', 'wrmsr'],
  rdpmc: ['rdpmc'],
  rdtsc: ['rdtsc'],
  wbinvd: ['wbinvd'],
};
/** Exit whatever the controls say. */
const UNCONDITIONAL = ['cpuid', 'invd'];
/** Exit because of how guest-physical memory is virtualised; which of them really do, their operands decide. */
const OF_PAGING = ['mov_to_cr', 'mov_from_cr'];
/** Exits where the shadow does not follow the guest's tables by itself. */
const OF_VIRTUAL_TLB = ['invlpg'];

const exitsOf = ({ exits = {}, mmu }: Technique): ReadonlySet<string> => {
  const controls = Object.keys(EXITING) as ExitControl[];
  const chosen = controls.filter((control) => exits[control]).flatMap((control) => EXITING[control]);
  return new Set([...UNCONDITIONAL, ...OF_PAGING, ...(mmu === 'vtlb' ? OF_VIRTUAL_TLB : []), ...chosen]);
};
const known = new WeakMap<Technique, ReadonlySet<string>>();
const mayExit = (technique: Technique, instruction: Instruction): boolean => {
  const meaning = meaningOf(instruction);
  if (meaning === undefined || !('callout' in meaning)) return false;
  const names = known.get(technique) ?? exitsOf(technique);
  known.set(technique, names);
  return names.has(meaning.callout);
};

/**
 * Hardware support: the first generation of VT-x, with shadow page tables and without real mode; and, nested, what
 * came with Westmere. Nothing is rewritten; CALLOUT marks instructions that may exit.
 */
export const hw: Technique = {
  name: 'hw',
  description: 'hardware support: the guest has ring 0 of guest mode, configured events exit',
  kernelRing: 0,
  rewrites: false,
  exits: { hlt: true, io: true, 'mov-dr': true, msr: true, rdpmc: true },
  treatment(instruction) {
    return mayExit(this, instruction) ? Treatment.CALLOUT : Treatment.IDENT;
  },
  variants: {
    ...mmuVariants,
    nested: { mmu: 'nested', unrestrictedGuest: true },
    rdtsc: { exits: { rdtsc: true } },
    tables: { exits: { 'descriptor-table': true } },
  },
};
