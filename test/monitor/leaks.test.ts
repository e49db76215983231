import { describe, expect, test } from 'vitest';
import { leakLines } from '../../src/cli/leaks-text.ts';
import { LeakLog, Lost } from '../../src/monitor/leaks.ts';

const first = { ring: 0, saw: '1', should: '0', first: 7 };

describe('a log of leaks', () => {
  test('tells places apart by address, instruction and what was lost', () => {
    const log = new LeakLog();
    for (const lost of [Lost.IF, Lost.IF, Lost.IF | Lost.IOPL])
      log.leak('PUSHF', 0xffffffff, lost, () => first);
    log.leak('POPF', 0xffffffff, Lost.IF, () => first);
    log.leak('PUSHF', 0, Lost.IF, () => first);
    expect(log.report().places.map((p) => [p.instruction, p.address, p.lost, p.executions])).toEqual([
      ['PUSHF', 0xffffffff, 'IF', 2],
      ['PUSHF', 0xffffffff, 'IF, IOPL', 1],
      ['POPF', 0xffffffff, 'IF', 1],
      ['PUSHF', 0, 'IF', 1],
    ]);
  });

  test('keeps the first values', () => {
    const log = new LeakLog();
    log.leak('STR', 16, Lost.VALUE, () => first);
    log.leak('STR', 16, Lost.VALUE, () => {
      throw new Error('asked again');
    });
    expect(log.report().places).toEqual([
      { instruction: 'STR', address: 16, lost: 'TR', executions: 2, ...first },
    ]);
  });

  test('is bounded: what has no place is counted', () => {
    const log = new LeakLog();
    for (let address = 0; address < 10_000; address++) log.leak('SGDT', address, Lost.VALUE, () => first);
    log.innocuous();
    log.trapped();
    const { places, ...counts } = log.report();
    expect(places).toHaveLength(4096);
    expect(counts).toEqual({
      witnessed: 10_002,
      leaking: 10_000,
      innocuous: 1,
      trapped: 1,
      byInstruction: { SGDT: 10_000 },
      unrecorded: 10_000 - 4096,
    });
  });
});

describe('as text', () => {
  test('one line for each place', () => {
    const log = new LeakLog();
    log.leak('POPF', 0xc0101234, Lost.IF, () => ({
      ...first,
      saw: 'EFLAGS 00000246',
      should: 'EFLAGS 00000046',
    }));
    for (let i = 0; i < 1234; i++) log.leak('LAR', 0x1000, Lost.ZF | Lost.VALUE, () => first);
    expect(leakLines(log.report())).toEqual([
      '00001000  LAR   ring 0  1,234  ZF, access rights  saw 1, not 0',
      'C0101234  POPF  ring 0      1  IF                 saw EFLAGS 00000246, not EFLAGS 00000046',
    ]);
  });

  test('no line for nothing, and one for all that do not fit', () => {
    const log = new LeakLog();
    expect(leakLines(log.report())).toEqual([]);
    for (let address = 0; address < 30; address++) log.leak('SGDT', address, Lost.VALUE, () => first);
    expect(leakLines(log.report()).at(-1)).toBe('… and 6 executions at 6 other places');
  });
});
