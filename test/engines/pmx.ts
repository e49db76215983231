/**
 * pmx: a kernel that prints what each privileged, sensitive and segment instruction does at every CPL and IOPL,
 * in virtual-8086 mode, and with page tables of all kinds. It comes from the folder that RINGDOWN_ORACLE names.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { MachineOptions } from '../../src/machine/machine.ts';
import { type Run, runKernel } from './support.ts';

const oracle = process.env.RINGDOWN_ORACLE;
const kernel = `${oracle}/pmx/pmx.elf`;

/** Whether the oracle folder is there. */
export const pmxIsThere = oracle !== undefined && existsSync(kernel);

/** Runs pmx to its end. @returns the lines between PMX-BEGIN and PMX-END */
export const runPmx = async (
  technique: Exclude<MachineOptions['technique'], undefined>,
): Promise<{ readonly lines: readonly string[]; readonly run: Run }> => {
  const run = await runKernel(readFileSync(kernel), technique, {}, 'pmx.elf');
  const [, inner] = /^PMX-BEGIN\n(.*?)(?:PMX-END\n|$)/s.exec(run.text) ?? [];
  return { lines: inner?.split('\n').slice(0, -1) ?? [], run };
};
