/**
 * A case: a machine's state and a program, as deviations from the standard image (`layout.ts`). Its text is one
 * line of `key=value` tokens, numbers in hexadecimal; a key that is left out has its default.
 */

import { registerSetters, segmentNumbers } from './registers.ts';

export const modes = ['real', 'unreal', 'p16', 'p32', 'segmented', 'v86'] as const;
/** Where execution starts: the processor mode, and 16-bit, flat 32-bit or unlike segments. */
export type ModeName = (typeof modes)[number];
export const pagings = ['off', 'legacy', 'pae'] as const;
export type PagingName = (typeof pagings)[number];

export interface Case {
  readonly mode: ModeName;
  readonly cpl: number;
  readonly paging: PagingName;
  /** 2 MiB of RAM with the holes of a PC, instead of 256 KiB. */
  readonly wide: boolean;
  /** Instructions to run. */
  readonly budget: number;
  /** Exceptions go through the guest's tables; otherwise they are noted and the next instruction runs. */
  readonly deliver: boolean;
  /**
   * The translation look-aside buffer never holds what the tables no longer say: the harness flushes it when
   * they are written. Without this, only runs that fill it alike can be compared.
   */
  readonly coherent: boolean;
  /** The PC's devices, with the interval timer's reload value; 0 for ports without devices. */
  readonly pit: number;
  /** An interrupt request every so many instructions, 0 for none; without the PC's devices. */
  readonly interrupts: number;
  readonly a20: boolean;
  /** Which noise fills the arena. */
  readonly fill: number;
  /** Which noise fills the FPU's and SSE's registers, 0 for their reset state. */
  readonly fpu: number;
  /** Linear address of the program. */
  readonly at: number;
  /** The program's instructions, as bytes. */
  readonly code: readonly (readonly number[])[];
  /** Registers that differ from what the mode has, by name; see `registers.ts`. */
  readonly registers: Readonly<Record<string, number>>;
  /** Segment registers that do: selector, base, limit, attributes. */
  readonly segments: Readonly<Record<string, readonly number[]>>;
  /** Physical memory that differs from the standard image: address, bytes. */
  readonly memory: readonly (readonly [address: number, bytes: readonly number[]])[];
}

export const CODE = 0x13000;

export const defaultCase: Case = {
  mode: 'p32',
  cpl: 0,
  paging: 'off',
  wide: false,
  budget: 100,
  deliver: false,
  coherent: true,
  pit: 0,
  interrupts: 0,
  a20: true,
  fill: 0,
  fpu: 0,
  at: CODE,
  code: [],
  registers: {},
  segments: {},
  memory: [],
};

const NUMBERS = ['cpl', 'budget', 'pit', 'interrupts', 'fill', 'fpu', 'at'] as const;
const SWITCHES = ['wide', 'deliver', 'coherent', 'a20'] as const;

const hex = (n: number): string => (n >>> 0).toString(16);
const bytesText = (bytes: readonly number[]): string =>
  bytes.map((b) => b.toString(16).padStart(2, '0')).join('');

/** A case as one line. */
export const formatCase = (c: Case): string => {
  const tokens = [`mode=${c.mode}`];
  if (c.paging !== defaultCase.paging) tokens.push(`paging=${c.paging}`);
  for (const name of NUMBERS) if (c[name] !== defaultCase[name]) tokens.push(`${name}=${hex(c[name])}`);
  for (const name of SWITCHES) if (c[name] !== defaultCase[name]) tokens.push(`${name}=${Number(c[name])}`);
  for (const [name, value] of Object.entries(c.registers)) tokens.push(`${name}=${hex(value)}`);
  for (const [name, fields] of Object.entries(c.segments))
    tokens.push(`${name}=${fields.map(hex).join(':')}`);
  if (c.memory.length > 0)
    tokens.push(`mem=${c.memory.map(([at, bytes]) => `${hex(at)}:${bytesText(bytes)}`).join(',')}`);
  tokens.push(`code=${c.code.map(bytesText).join('.')}`);
  return tokens.join(' ');
};

const bytesOf = (text: string): number[] => {
  if (text.length % 2 !== 0 || /[^0-9a-f]/i.test(text)) throw new Error(`${text} is not a run of bytes`);
  return Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
};
const numberOf = (text: string): number => {
  if (!/^[0-9a-f]+$/i.test(text)) throw new Error(`${text} is not a hexadecimal number`);
  return Number.parseInt(text, 16);
};
const includes = <T extends string>(list: readonly T[], text: string): text is T =>
  (list as readonly string[]).includes(text);

const oneOf = <T extends string>(list: readonly T[], text: string): T => {
  if (!includes(list, text)) throw new Error(`${text} is none of ${list.join(', ')}`);
  return text;
};

/** @throws Error naming what is wrong with the text */
export const parseCase = (text: string): Case => {
  const made: Record<string, unknown> = { ...defaultCase };
  const registers: Record<string, number> = {};
  const segments: Record<string, number[]> = {};
  for (const token of text.trim().split(/\s+/)) {
    const at = token.indexOf('=');
    if (at < 1) throw new Error(`${token} is not key=value`);
    const key = token.slice(0, at);
    const value = token.slice(at + 1);
    if (key === 'mode') made.mode = oneOf(modes, value);
    else if (key === 'paging') made.paging = oneOf(pagings, value);
    else if (includes(NUMBERS, key)) made[key] = numberOf(value);
    else if (includes(SWITCHES, key)) made[key] = value === '1';
    else if (key === 'code') made.code = value === '' ? [] : value.split('.').map(bytesOf);
    else if (key === 'mem')
      made.memory = value.split(',').map((chunk) => {
        const [address, bytes] = chunk.split(':');
        return [numberOf(address!), bytesOf(bytes ?? '')] as const;
      });
    else if (segmentNumbers.has(key)) segments[key] = value.split(':').map(numberOf);
    else if (registerSetters.has(key)) registers[key] = numberOf(value);
    else throw new Error(`there is nothing that is called ${key}`);
  }
  return { ...(made as unknown as Case), registers, segments };
};
