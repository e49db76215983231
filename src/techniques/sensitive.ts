/** Which instructions concern a monitor: those with facts in x86/sensitive-instructions.ts. */
import type { Instruction, Operand } from '../decoder/instruction.ts';
import { executorOf } from '../translator/encode.ts';
import { meaningOf } from '../translator/opcodes.ts';
import { Seg } from '../x86/registers.ts';
import { type SensitiveInstruction, sensitiveInstructionNamed } from '../x86/sensitive-instructions.ts';

/** What would show the monitor to user code too, which has its own flags and may look at its selectors. */
const IN_CACHE_EVERYWHERE = new Set(['rdtsc', 'mov_to_sreg', 'pop_sreg']);
const IN_CACHE = new Set([
  ...['cli', 'sti', 'pushf', 'popf', 'push.segment', 'mov.from.segment'],
  ...IN_CACHE_EVERYWHERE,
]);
/** Always through the interrupt table or the SYSENTER registers, which are the monitor's. */
const ENTERING = new Set(['int_n', 'int3', 'into', 'int1', 'sysenter']);

/** What is known of a sensitive or privileged instruction; undefined for an innocuous one. */
export const sensitivityOf = (i: Instruction): SensitiveInstruction | undefined => {
  const executor = executorOf(i);
  return executor === undefined ? undefined : sensitiveInstructionNamed(executor);
};

/** These show a selector: that of CS and SS has the ring in it, the others' have not. */
const SHOWING = new Set(['push.segment', 'mov.from.segment']);
const showsRing = (o: Operand): boolean =>
  o.kind === 'reg' && o.class === 'segment' && (o.index === Seg.CS || o.index === Seg.SS);

/** Whether an instruction that is left as it is may silently lie to a deprivileged guest. */
export const maySilentlyLie = (i: Instruction): boolean => {
  const sensitivity = sensitivityOf(i);
  if (sensitivity?.privilege !== 'none' || sensitivity.lost.kernel === null || entersMonitor(i)) return false;
  return !SHOWING.has(executorOf(i)!) || i.operands.some(showsRing);
};

/** Rewritten to a sequence in the cache. @param kernel whether the code runs at a virtual CPL below 3 */
export const isInCache = (i: Instruction, kernel: boolean): boolean => {
  const meaning = meaningOf(i);
  if (meaning === undefined) return false;
  const name = 'handler' in meaning ? meaning.handler : meaning.callout;
  return (kernel ? IN_CACHE : IN_CACHE_EVERYWHERE).has(name);
};

/** Executed by the monitor, unless it is in the cache. */
export const isSensitive = (i: Instruction): boolean => {
  const meaning = meaningOf(i);
  return (
    meaning !== undefined && 'callout' in meaning && sensitiveInstructionNamed(meaning.callout) !== undefined
  );
};

/** Leads to the monitor without being rewritten. */
export const entersMonitor = (i: Instruction): boolean => {
  const meaning = meaningOf(i);
  return meaning !== undefined && 'callout' in meaning && ENTERING.has(meaning.callout);
};
