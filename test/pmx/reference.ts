/** The lines that pmx (engines/pmx.ts) shall print, from the folder that RINGDOWN_ORACLE names. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export interface ReferenceLine {
  /** The snippet's name, where it ran, and what it had in ECX. */
  readonly subject: string;
  readonly text: string;
  /** Emulators disagree about it: the manual decides. */
  readonly contested: boolean;
}

const subjectOf = (text: string): string => text.slice(0, text.indexOf(' : '));

/**
 * What depends on the recorder rather than on the processor is made equal: EFLAGS.RF, which the recorder did not
 * keep in all images, and the accessed bit of the page directory in lines with an exception, which a processor may
 * set or not before the fault (SDM vol. 3, section 4.8).
 */
const normalise = (text: string): string =>
  text
    .replace(/ fl=([0-9a-f]{8})/, (_, flags: string) => {
      const kept = (Number.parseInt(flags, 16) & ~0x10000) >>> 0;
      return ` fl=${kept.toString(16).padStart(8, '0')}`;
    })
    .replace(/( exc .* pde=)([0-9a-f]{3})/, (_, before: string, entry: string) => {
      const kept = Number.parseInt(entry, 16) & ~0x20;
      return before + kept.toString(16).padStart(3, '0');
    });

/** @returns the reference in its order; a subject that ran more than once has the line of the last time */
export const readReference = (): ReferenceLine[] =>
  gunzipSync(readFileSync(`${process.env.RINGDOWN_ORACLE}/pmx/pmx-reference.txt.gz`))
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => ({
      subject: subjectOf(line.slice(2)),
      text: normalise(line.slice(2)),
      contested: line.startsWith('?'),
    }));

/** Printed lines by subject; of a subject that ran more than once, the last line. */
export const bySubject = (lines: readonly string[]): Map<string, string> =>
  new Map(lines.map((line) => [subjectOf(line), normalise(line)]));

/** Lines where the reference is not what the manual says, by the name of the snippet. */
export const exceptions: Readonly<Record<string, string>> = {
  rdmsr_bad:
    'RDMSR of an MSR that does not exist raises #GP(0) (SDM vol. 2, RDMSR); the recorder was set to ignore that',
  seg_expdown_low:
    'AL holds a byte at linear address 1000h, which the recorder’s firmware had written: RAM the kernel never set',
};

/** Why the reference is right where emulators disagree with it, by the name of the snippet. */
export const contested: Readonly<Record<string, string>> = {
  call_far: 'a call gate to conforming code keeps CPL and stack (SDM vol. 3, section 5.8.4)',
  dr_gd: 'DR7.GD makes MOV DR raise #DB with DR6.BD (SDM vol. 3, section 17.2.4)',
  icebp: 'INT1 is an instruction, and sets no bit of DR6 (SDM vol. 2, INT n/INTO/INT3/INT1)',
  lar: 'LAR gives the whole second doubleword masked with 00F?FF00h: limit bits come along (SDM vol. 2, LAR)',
  ltr: 'LTR refuses a null selector with #GP(0) (SDM vol. 2, LTR)',
  mov_cr0_nw_without_cd: 'CR0.NW without CD is #GP(0) (SDM vol. 2, MOV CRn)',
  mov_cr0_pg_without_pe: 'CR0.PG without PE is #GP(0) (SDM vol. 2, MOV CRn)',
  mov_cr1: 'CR1 does not exist: #UD (SDM vol. 2, MOV CRn)',
  mov_cr4_reserved: 'a reserved bit of CR4 is #GP(0) (SDM vol. 2, MOV CRn)',
  mov_cr5: 'CR5 does not exist: #UD (SDM vol. 2, MOV CRn)',
  mov_dr4_de0: 'DR4 is DR6 while CR4.DE is clear (SDM vol. 3, section 17.2.2)',
  mov_fs_use:
    'null selectors and offsets outside an expand-down segment are #GP(0) (SDM vol. 3, section 5.3)',
  null_ds_use: 'access through a null selector is #GP(0) (SDM vol. 3, section 5.4.1)',
  page_rmw: 'a read-modify-write is a write already when it reads (SDM vol. 3, section 4.7, W/R)',
  seg_cs_write: 'code segments are never writable in protected mode (SDM vol. 3, section 5.5)',
  seg_expdown_low: 'see the exceptions',
  seg_limit_ds: 'segment limits are checked (SDM vol. 3, section 5.3)',
  seg_limit_word: 'a word whose second byte lies beyond the limit is #GP(0) (SDM vol. 3, section 5.3)',
  seg_ro_write: 'a write to a read-only segment is #GP(0) (SDM vol. 3, section 5.5)',
  v_ip_wrap: 'IP beyond the limit of 64 KBytes is #GP(0) (SDM vol. 3, section 20.1.1)',
  v_limit: 'a word at offset FFFFh is #GP(0) (SDM vol. 3, section 20.1.1)',
  v_stack_limit: 'a word pushed across offset 0 is #SS(0) (SDM vol. 3, section 20.1.1)',
};
