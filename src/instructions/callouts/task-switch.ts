/** Hardware task switches (SDM vol. 3, chapter 7) do not exist here: whatever needs one is refused. */
import { Fault } from '../../x86/exceptions.ts';
import type { Cpu } from '../cpu.ts';

/**
 * Refuses a task switch after all checks of the instruction or gate passed.
 * @param vector and @param error of the fault the guest gets instead
 * @throws Fault always
 */
export const refuseTaskSwitch = (cpu: Cpu, vector: number, error: number): never => {
  cpu.warn('a hardware task switch was refused: only software task switching is supported');
  throw new Fault(vector, error);
};
