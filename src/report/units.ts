/** How numbers are written: in full in tables, short on axes. */

/**
 * - `count`: events
 * - `share`: 0 to 1, written as per cent
 * - `bytes`
 * - `milliseconds`: written as seconds from one second on
 * - `cycles`: modelled
 * - `ratio`: how many times
 * - `number`: anything else
 */
export type Unit = 'count' | 'share' | 'bytes' | 'milliseconds' | 'cycles' | 'ratio' | 'number';

const grouped = (n: number, digits: number): string =>
  n.toLocaleString('en', { maximumFractionDigits: digits, useGrouping: 'always' });
const PREFIXES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;
const BINARY = [
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
] as const;

const significant = (n: number, digits = 3): string => grouped(Number(n.toPrecision(digits)), 12);
const prefixed = (n: number): string => {
  const [factor, prefix] = PREFIXES.find(([size]) => Math.abs(n) >= size) ?? [1, ''];
  return `${significant(n / factor)}${prefix}`;
};
const bytes = (n: number): string => {
  if (n === 0) return '0';
  const [factor, name] = BINARY.find(([size]) => Math.abs(n) >= size) ?? [1, 'B'];
  return `${grouped(n / factor, n % factor === 0 ? 0 : 1)} ${name}`;
};
const time = (n: number): string => {
  if (n === 0) return '0';
  if (Math.abs(n) >= 1000) return `${significant(n / 1000)} s`;
  return Math.abs(n) >= 1 ? `${significant(n)} ms` : `${significant(n * 1000)} µs`;
};
/** As many digits behind the point as the distance from 0 and from 100 % needs. */
const share = (n: number): string => {
  const near = Math.min(Math.abs(n), Math.abs(1 - n));
  const digits = near === 0 || near > 0.01 ? 2 : Math.min(6, 1 - Math.floor(Math.log10(near * 100)));
  return `${(n * 100).toFixed(digits)} %`;
};

/** For an axis or the end of a bar. */
export const shortly = (n: number, unit: Unit): string => {
  if (!Number.isFinite(n)) return '–';
  switch (unit) {
    case 'count':
    case 'cycles':
      return prefixed(n);
    case 'share':
      return `${grouped(Number((n * 100).toPrecision(10)), 4)} %`;
    case 'bytes':
      return bytes(n);
    case 'milliseconds':
      return time(n);
    case 'ratio':
      return `${significant(n)}×`;
    default:
      return significant(n, 4);
  }
};

/** For a table. */
export const exactly = (n: number, unit: Unit): string => {
  if (!Number.isFinite(n)) return '–';
  switch (unit) {
    case 'count':
    case 'cycles':
      return grouped(n, 0);
    case 'share':
      return share(n);
    case 'bytes':
      return bytes(n);
    case 'milliseconds':
      return n >= 1000 ? `${(n / 1000).toFixed(2)} s` : `${n.toFixed(n < 10 ? 2 : 1)} ms`;
    case 'ratio':
      return `${n.toFixed(2)}×`;
    default:
      return grouped(n, 3);
  }
};
