/** The values of options, from text. Each parser throws commander's InvalidArgumentError with the reason. */
import { InvalidArgumentError } from 'commander';
import { type TechniqueName, techniqueNamed } from '../index.ts';

const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A size in bytes: `256M`, `1G`, `512K`; a bare number is in MiB. */
export const parseSize = (text: string): number => {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/i.exec(text) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('A size is a number and K, M or G, such as 256M.');
  return Number(digits) * UNITS[unit?.toUpperCase() || 'M'];
};

/** Instructions in a basic block. */
export const parseBlockLength = (text: string): number => {
  const length = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (length < 1 || length > 64) throw new InvalidArgumentError('It is a whole number from 1 to 64.');
  return length;
};

/** Where a guest's character device leads to. */
export type CharacterDevice =
  | { readonly kind: 'stdio' }
  | { readonly kind: 'null' }
  | { readonly kind: 'file'; readonly path: string };

/** `stdio`, `null` or `file:NAME`; `mon:stdio` is the same as `stdio`. */
export const parseCharacterDevice = (text: string): CharacterDevice => {
  if (text === 'stdio' || text === 'mon:stdio') return { kind: 'stdio' };
  if (text === 'null') return { kind: 'null' };
  if (/^file:./.test(text)) return { kind: 'file', path: text.slice('file:'.length) };
  throw new InvalidArgumentError('Allowed are stdio, mon:stdio, null and file:NAME.');
};

/** The serial ports' devices in order: COM1, COM2. */
export const parseSerialPorts = (
  text: string,
  before: readonly CharacterDevice[] = [],
): CharacterDevice[] => {
  const devices = [...before, parseCharacterDevice(text)];
  if (devices.length > 2) throw new InvalidArgumentError('There are two serial ports.');
  if (devices.filter(({ kind }) => kind === 'stdio').length > 1)
    throw new InvalidArgumentError('Only one serial port can have the terminal.');
  return devices;
};

/** Ports of the debug exit device. */
export interface DebugExitPorts {
  readonly base: number;
  readonly size: number;
}

const PORTS = 0x10000;

/** `isa-debug-exit,iobase=0xf4,iosize=4`, with QEMU's defaults for what is left out. */
export const parseDevice = (text: string): DebugExitPorts => {
  const [name, ...properties] = text.split(',');
  if (name !== 'isa-debug-exit')
    throw new InvalidArgumentError('The only device that can be added is isa-debug-exit.');
  const ports = { iobase: 0x501, iosize: 2 };
  for (const property of properties) {
    const [, key, value] = /^(iobase|iosize)=(0x[0-9a-f]+|\d+)$/i.exec(property) ?? [];
    if (key === undefined)
      throw new InvalidArgumentError(`It has iobase=PORT and iosize=BYTES, not ${property}.`);
    ports[key as keyof typeof ports] = Number(value);
  }
  const { iobase: base, iosize: size } = ports;
  if (![1, 2, 4].includes(size)) throw new InvalidArgumentError('iosize is 1, 2 or 4.');
  if (base + size > PORTS) throw new InvalidArgumentError('Ports end at 0xffff.');
  return { base, size };
};

/** A technique and its variants: `trap`, `trap+ring3`. */
export const parseTechnique = (text: string): TechniqueName => {
  try {
    techniqueNamed(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof RangeError ? `${error.message}.` : String(error));
  }
  return text as TechniqueName;
};

/** A whole number above zero. */
export const parseWhole = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number, at least 1.');
  return Number(text);
};
