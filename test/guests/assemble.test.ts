import { describe, expect, test } from 'vitest';
import { AssemblyError, assemble } from '../../guests/assemble.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const origin = 0x100000;

describe('assemble', () => {
  // Encodings from the SDM's opcode tables.
  test.each([
    ['mov $10, %eax', 'b80a000000'],
    ['mov $0x10, %eax', 'b810000000'],
    ['mov $0b101, %al', 'b005'],
    ["mov $'A', %al", 'b041'],
    ["mov $'\\n', %al", 'b00a'],
    ['sub $128, %esp', '81ec80000000'],
    ['pushfl; popfl', '9c9d'],
    ['pushfw', '669c'],
    ['rep movsl', 'f3a5'],
    ['lretl $8', 'ca0800'],
    ['.code16\nmov $1, %ax', 'b80100'],
    ['.long 200, 20', 'c800000014000000'],
    ['.asciz "10 # 20; x" # comment', '31302023203230 3b207800'.replace(' ', '')],
    ['.balign 4, 0xcc\nnop\n.balign 4, 0xcc', '90cccccc'],
  ])('%s', async (source, bytes) => {
    expect(hex(await assemble(source, origin))).toBe(bytes);
  });

  test('Intel syntax', async () => {
    expect(hex(await assemble('mov eax, 10\nmov ebx, [eax + 20]', origin, { syntax: 'intel' }))).toBe(
      'b80a0000008b5814',
    );
  });

  test('labels are absolute from the origin, forwards and backwards', async () => {
    const code = await assemble('start: jmp end\n.long start, end\nend: jmp start', origin);
    expect(hex(code)).toBe('eb08000010000a001000ebf4');
  });

  test('numeric labels may be used again', async () => {
    expect(hex(await assemble('1: jmp 1f\n1: jmp 1b\njmp 1b\n1: nop', origin))).toBe('eb00ebfeebfc90');
  });

  test('macros: parameters, defaults, local names, use above the definition', async () => {
    const source = `
      put 5
      put 6, ebx
      .macro put value, register=eax
          mov $\\value, %\\register
      here\\@:
          jmp here\\@
      .endm`;
    expect(hex(await assemble(source, origin))).toBe('b805000000ebfebb06000000ebfe');
  });

  test('.rept and .ifb', async () => {
    const source = `
      .macro put value
      .ifb \\value
          nop
      .endif
      .ifnb \\value
          .byte \\value
      .endif
      .endm
      .rept 12
      put
      .endr
      put 7`;
    expect(hex(await assemble(source, origin))).toBe(`${'90'.repeat(12)}07`);
  });

  test('.include takes each source once', async () => {
    const sources: Record<string, string> = { 'lib/a.s': '.include "lib/b.s"\ninc %eax', 'lib/b.s': 'hlt' };
    const code = await assemble('.include "lib/a.s"\n.include "lib/b.s"\nnop', origin, {
      readSource: (path) => sources[path],
    });
    expect(hex(code)).toBe('f44090');
  });

  test('a large source needs no large stack', async () => {
    const code = await assemble('mov $0x12345678, %eax\n'.repeat(4000), origin);
    expect(code.length).toBe(20000);
  });
});

describe('errors name the line', () => {
  const failure = async (source: string, readSource?: (path: string) => string): Promise<AssemblyError> => {
    try {
      await assemble(source, origin, { file: 'guest.s', ...(readSource && { readSource }) });
    } catch (error) {
      if (error instanceof AssemblyError) return error;
      throw error;
    }
    throw new Error('assembled');
  };

  test.each([
    ['unknown mnemonic', 'nop\n\nbogus %eax\nnop', 3],
    ['missing symbol', 'nop\njmp nowhere\nlater: jmp later', 2],
    ['wrong operand', 'jmp later\nmov %eax, $5\nlater:', 2],
    ['a statement Keystone drops without an error', 'nop\nnop\nbound %eax, (%ebx)\nnop', 3],
    ['a name defined twice', 'a: nop\nnop\na: nop', 3],
    ['a macro without an end', 'nop\n.macro put\nnop', 2],
    ['a failing statement of a macro, in its body', '.macro put\nnop\nbogus\n.endm\nnop\nput', 3],
    ['a missing include', 'nop\n.include "lib/none.s"', 2],
  ])('%s', async (_, source, line) => {
    const error = await failure(source);
    expect(error.line).toBe(line);
    expect(error.message).toMatch(new RegExp(`^guest\\.s:${line}: `));
  });

  test('in an included source', async () => {
    const error = await failure('nop\n.include "lib/x.s"\nnop', () => 'nop\nnop\nbogus\n');
    expect(error.file).toBe('lib/x.s');
    expect(error.line).toBe(3);
  });
});
