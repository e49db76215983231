/** The WebAssembly opcodes of the builder's operations. */
import type { BinaryOp, UnaryOp, WideOp, WideTest } from '../instructions/builder.ts';
import { Op } from '../wasm/writer.ts';
import type { Size } from '../x86/registers.ts';

export const binaryOps: Record<BinaryOp, number> = {
  add: Op.i32Add,
  sub: Op.i32Sub,
  mul: Op.i32Mul,
  and: Op.i32And,
  or: Op.i32Or,
  xor: Op.i32Xor,
  shl: Op.i32Shl,
  shrU: Op.i32ShrU,
  shrS: Op.i32ShrS,
  rotl: Op.i32Rotl,
  rotr: Op.i32Rotr,
  divU: Op.i32DivU,
  divS: Op.i32DivS,
  remU: Op.i32RemU,
  remS: Op.i32RemS,
  eq: Op.i32Eq,
  ne: Op.i32Ne,
  ltU: Op.i32LtU,
  ltS: Op.i32LtS,
  leU: Op.i32LeU,
  gtU: Op.i32GtU,
  geU: Op.i32GeU,
};
export const unaryOps: Record<UnaryOp, number> = {
  eqz: Op.i32Eqz,
  clz: Op.i32Clz,
  ctz: Op.i32Ctz,
  popcnt: Op.i32Popcnt,
  extend8: Op.i32Extend8S,
  extend16: Op.i32Extend16S,
};
export const wideOps: Record<WideOp, number> = {
  add: Op.i64Add,
  sub: Op.i64Sub,
  mul: Op.i64Mul,
  and: Op.i64And,
  or: Op.i64Or,
  xor: Op.i64Xor,
  shl: Op.i64Shl,
  shrU: Op.i64ShrU,
  shrS: Op.i64ShrS,
  divU: Op.i64DivU,
  remU: Op.i64RemU,
  divS: Op.i64DivS,
  remS: Op.i64RemS,
};
export const wideTests: Record<WideTest, number> = {
  eq: Op.i64Eq,
  ne: Op.i64Ne,
  ltU: Op.i64LtU,
  ltS: Op.i64LtS,
};
export const loads: Record<Size, number> = { 1: Op.i32Load8U, 2: Op.i32Load16U, 4: Op.i32Load };
export const stores: Record<Size, number> = { 1: Op.i32Store8, 2: Op.i32Store16, 4: Op.i32Store };

/** The result of an operation on constants, null where it is not worth knowing. */
export const fold = (op: BinaryOp, a: number, b: number): number | null => {
  switch (op) {
    case 'add':
      return (a + b) | 0;
    case 'sub':
      return (a - b) | 0;
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'shl':
      return a << b;
    case 'shrU':
      return (a >>> b) | 0;
    default:
      return null;
  }
};
