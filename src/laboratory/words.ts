/** Words for what the laboratory finds, for texts and pages alike. */
import type { Outcome } from '../index.ts';
import type { SensitiveInstruction } from '../x86/sensitive-instructions.ts';

/** Popek and Goldberg's class of an instruction. */
export const classOf = ({ privilege, control, behaviour }: SensitiveInstruction): string => {
  if (privilege === 'CPL') return 'privileged';
  if (privilege === 'IOPL') return 'privileged by IOPL';
  const sensitive = control && behaviour ? 'control, behaviour' : control ? 'control' : 'behaviour';
  return privilege === 'CR4' ? `${sensitive}, CR4` : sensitive;
};

/** How a run ended, as part of a sentence. */
export const describeOutcome = (outcome: Outcome): string => {
  switch (outcome.kind) {
    case 'power-off':
      return 'powered off';
    case 'reset':
      return 'reset';
    case 'exit':
      return `exited with ${outcome.status}`;
    case 'shutdown':
      return `shut down: ${outcome.reason}`;
    case 'halted':
      return 'halted for good';
    case 'stopped':
      return 'stopped';
    case 'limit':
      return outcome.reached === 'time' ? 'ended by its time limit' : 'ended by its instruction limit';
  }
};
