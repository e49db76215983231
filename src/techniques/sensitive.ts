/** Which instructions concern a monitor, by what executes them. */
import type { Instruction } from '../decoder/instruction.ts';
import { meaningOf } from '../translator/opcodes.ts';

const IN_CACHE = new Set(['cli', 'sti', 'pushf', 'popf', 'push.segment', 'mov.from.segment']);
/** Always through the interrupt table or the SYSENTER registers, which are the monitor's. */
const ENTERING = new Set(['int_n', 'int3', 'into', 'int1', 'sysenter']);
/** Long instructions that touch nothing a monitor virtualises. */
const INNOCUOUS = new Set(['bound', 'ud']);

/** Rewritten to a sequence in the cache. */
export const isInCache = (i: Instruction): boolean => {
  const meaning = meaningOf(i);
  return meaning !== undefined && 'handler' in meaning && IN_CACHE.has(meaning.handler);
};

/** Executed by the monitor. */
export const isSensitive = (i: Instruction): boolean => {
  const meaning = meaningOf(i);
  return meaning !== undefined && 'callout' in meaning && !INNOCUOUS.has(meaning.callout);
};

/** Leads to the monitor without being rewritten. */
export const entersMonitor = (i: Instruction): boolean => {
  const meaning = meaningOf(i);
  return meaning !== undefined && 'callout' in meaning && ENTERING.has(meaning.callout);
};
