/** The table of sensitive instructions, and what techniques take from it. */
import { expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { callouts } from '../../src/instructions/callouts/index.ts';
import { handlers } from '../../src/instructions/handlers.ts';
import { x87 } from '../../src/instructions/x87/x87.ts';
import { isInCache, isSensitive, sensitivityOf } from '../../src/techniques/sensitive.ts';
import { sensitiveInstructionNamed, sensitiveInstructions } from '../../src/x86/sensitive-instructions.ts';

const decoder = await createDecoder();
const decode = (...bytes: number[]) => {
  const code = Uint8Array.from([...bytes, ...Array<number>(15).fill(0)]);
  const decoded = decoder.decode(code, 0, 15, 0, 32);
  if (decoded.kind !== 'instruction') throw new Error(decoded.kind);
  return decoded.instruction;
};

test('every long instruction is in the table but for those that touch nothing of a monitor', () => {
  const missing = Object.keys(callouts).filter((name) => !sensitiveInstructionNamed(name));
  expect(missing).toEqual(['ud', 'bound']);
});

test('of those with a handler nine are, and of the x87 three', () => {
  const specs = new Set(handlers.map(({ spec }) => spec.name));
  const known = Object.keys(sensitiveInstructions);
  expect(known.filter((name) => specs.has(name)).sort()).toEqual(
    [
      ...['cli', 'sti', 'pushf', 'popf', 'rdtsc'],
      ...['push.segment', 'mov.from.segment', 'pop_sreg', 'mov_to_sreg'],
    ].sort(),
  );
  expect(known.filter((name) => Object.hasOwn(x87, name))).toEqual(['fnstenv', 'fnsave', 'fxsave']);
  const executors = new Set([...Object.keys(callouts), ...specs, ...Object.keys(x87)]);
  expect(known.filter((name) => !executors.has(name))).toEqual([]);
});

test("Robin and Irvine's list has eighteen mnemonics, none of them privileged, all but INT losing something", () => {
  const listed = Object.values(sensitiveInstructions).filter(({ listed }) => listed !== null);
  const mnemonics = (group: string) =>
    new Set(listed.flatMap(({ listed }) => (listed?.group === group ? [listed.mnemonic] : [])));
  expect(mnemonics('sensitive register')).toEqual(new Set(['SGDT', 'SIDT', 'SLDT', 'SMSW', 'PUSHF', 'POPF']));
  expect(mnemonics('protection system')).toEqual(
    new Set(['LAR', 'LSL', 'VERR', 'VERW', 'PUSH', 'POP', 'MOV', 'CALL', 'JMP', 'RET', 'INT', 'STR']),
  );
  const wrong = listed.filter(({ privilege, lost }) => privilege !== 'none' || lost.kernel === null);
  expect(wrong.map(({ name }) => name)).toEqual(['INT n']);
});

test('what traps loses nothing', () => {
  const wrong = Object.values(sensitiveInstructions).filter(
    ({ privilege, lost }) => (privilege === 'CPL' || privilege === 'IOPL') && lost.kernel !== null,
  );
  expect(wrong).toEqual([]);
});

test.each([
  ['PUSHF', [0x9c], true, false],
  ['MOV from segment register', [0x8c, 0xc8], true, false],
  ['MOV to control register', [0x0f, 0x22, 0xd8], false, true],
  ['FNSTENV', [0xd9, 0x30], false, false],
  ['FXSAVE', [0x0f, 0xae, 0x00], false, false],
  [undefined, [0x89, 0xc8], false, false],
  [undefined, [0x62, 0x00], false, false],
  [undefined, [0xd9, 0xc0], false, false],
] as const)('%s', (name, bytes, inCache, callout) => {
  const instruction = decode(...bytes);
  expect(sensitivityOf(instruction)?.name).toBe(name);
  expect(isInCache(instruction, true)).toBe(inCache);
  expect(isSensitive(instruction)).toBe(callout);
});
