/** What happens when delivery itself faults (SDM vol. 3, section 6.15, #DF), and the instructions that raise events. */
import { Fault, Vector, vectorNames } from '../../x86/exceptions.ts';
import { Flag } from '../../x86/flags.ts';
import type { Cpu, EventKind, Operands } from '../cpu.ts';
import { deliver } from './interrupt.ts';
import { isVirtual8086 } from './protection.ts';
import { redirectInterrupt } from './virtual-8086.ts';

const CONTRIBUTORY = new Set<number>([Vector.DE, Vector.TS, Vector.NP, Vector.SS, Vector.GP]);

/** Whether a second fault during delivery of a first exception makes a double fault (SDM vol. 3, table 6-5). */
const makesDoubleFault = (first: number, second: number): boolean => {
  if (first === Vector.PF) return second === Vector.PF || CONTRIBUTORY.has(second);
  return CONTRIBUTORY.has(first) && CONTRIBUTORY.has(second);
};

/**
 * Delivers an event whatever happens: a fault during delivery is delivered in its turn, or becomes a double
 * fault; a fault during delivery of that shuts the processor down.
 * Parameters are those of `deliver`. Throws nothing but errors that are not the guest's.
 */
export const deliverEvent = (cpu: Cpu, vector: number, kind: EventKind, error = 0): void => {
  try {
    deliver(cpu, vector, kind, error);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    if (kind !== 'exception') deliverEvent(cpu, thrown.vector, 'exception', thrown.error);
    else if (vector === Vector.DF) {
      cpu.shutdown(`triple fault: ${vectorNames[thrown.vector]} during delivery of a double fault`);
    } else if (makesDoubleFault(vector, thrown.vector)) deliverEvent(cpu, Vector.DF, 'exception');
    else deliverEvent(cpu, thrown.vector, 'exception', thrown.error);
  }
};

/** Delivers an exception; state.eip as `deliver` wants it. @param error ignored for vectors without one */
export const deliverException = (cpu: Cpu, vector: number, error = 0): void =>
  deliverEvent(cpu, vector, 'exception', error);

/** INT n: the only software interrupt that virtual-8086 mode treats in its own way (SDM vol. 3, section 20.3.3). */
export const softwareInterrupt = (cpu: Cpu, { immediate }: Operands): void => {
  const vector = immediate & 0xff;
  if (isVirtual8086(cpu) && redirectInterrupt(cpu, vector)) return;
  deliver(cpu, vector, 'software');
};

/** INT3: not sensitive to IOPL. */
export const breakpoint = (cpu: Cpu): void => deliver(cpu, Vector.BP, 'software');

/** INTO. */
export const overflow = (cpu: Cpu): void => {
  if (cpu.state.statusFlags() & Flag.OF) deliver(cpu, Vector.OF, 'software');
};

/** INT1 (F1h): a #DB that ignores the gate's DPL. */
export const debugTrap = (cpu: Cpu): void => deliver(cpu, Vector.DB, 'exception');

/** UD2, and every opcode that does not exist. */
export const undefinedOpcode = (): never => {
  throw new Fault(Vector.UD);
};
