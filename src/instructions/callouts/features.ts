/** What the processor's model has, for instructions and control bits that depend on it. */
import { Feature, modelHas } from '../../x86/cpu-models.ts';
import type { Cpu } from '../cpu.ts';

export { Feature };

export const hasFeature = (cpu: Cpu, feature: Feature): boolean => modelHas(cpu.model, feature);

/** Whether VIF and VIP exist in EFLAGS. */
export const supportsVirtualInterrupts = (cpu: Cpu): boolean => hasFeature(cpu, Feature.VME);

/** Family as CPUID.1:EAX shows it, without the extended field. */
export const family = (cpu: Cpu): number => (cpu.model.signature >> 8) & 15;
