import { gprNames, Seg, segmentNames } from '../x86/registers.ts';
import type { Instruction, Operand, RegisterClass } from './instruction.ts';

const BYTE_NAMES = ['al', 'cl', 'dl', 'bl', 'ah', 'ch', 'dh', 'bh'];

const SIZE_NAMES: Readonly<Record<number, string>> = {
  1: 'byte ptr ',
  2: 'word ptr ',
  4: 'dword ptr ',
  6: 'fword ptr ',
  8: 'qword ptr ',
  10: 'tbyte ptr ',
  16: 'xmmword ptr ',
};

const isString = (opcode: number): boolean =>
  (opcode >= 0x6c && opcode <= 0x6f) ||
  (opcode >= 0xa4 && opcode <= 0xa7) ||
  (opcode >= 0xaa && opcode <= 0xaf);

const hex = (value: number): string =>
  value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;

const registerName = (registerClass: RegisterClass, index: number, size: number): string => {
  switch (registerClass) {
    case 'gpr':
      return size === 1 ? BYTE_NAMES[index] : size === 2 ? gprNames[index].slice(1) : gprNames[index];
    case 'segment':
      return segmentNames[index];
    case 'control':
      return `cr${index}`;
    case 'debug':
      return `dr${index}`;
    case 'st':
      return `st(${index})`;
    case 'mmx':
      return `mm${index}`;
    case 'xmm':
      return `xmm${index}`;
  }
};

const formatMemory = (operand: Extract<Operand, { kind: 'mem' }>, addressSize: number): string => {
  const { base, index, scale, disp } = operand;
  const terms: string[] = [];
  if (base >= 0) terms.push(registerName('gpr', base, addressSize));
  if (index >= 0) terms.push(registerName('gpr', index, addressSize) + (scale ? `*${1 << scale}` : ''));
  let address = terms.join('+');
  if (terms.length === 0) address = hex(addressSize === 2 ? disp & 0xffff : disp >>> 0);
  else if (disp !== 0) address += disp < 0 ? hex(disp) : `+${hex(disp)}`;
  const natural = base === 4 || base === 5 ? Seg.SS : Seg.DS;
  const segment = operand.segment === natural ? '' : `${segmentNames[operand.segment]}:`;
  return `${SIZE_NAMES[operand.size] ?? ''}${segment}[${address}]`;
};

/** One line of a listing, in the manual's operand order: `lock add dword ptr ss:[ebp-0x8], eax`. */
export const formatInstruction = (instruction: Instruction): string => {
  const { mnemonic, opcode, rep, addressSize } = instruction;
  let text = instruction.lock ? 'lock ' : '';
  if (rep !== 0 && isString(opcode)) {
    const compares = mnemonic.startsWith('cmps') || mnemonic.startsWith('scas');
    text += rep === 2 ? 'repne ' : compares ? 'repe ' : 'rep ';
  }
  const operands = instruction.operands.map((operand) => {
    if (operand.kind === 'reg') return registerName(operand.class, operand.index, operand.size);
    return operand.kind === 'imm' ? hex(operand.value) : formatMemory(operand, addressSize);
  });
  const far = opcode === 0x9a || opcode === 0xea;
  return text + mnemonic + (operands.length > 0 ? ` ${operands.join(far ? ':' : ', ')}` : '');
};
