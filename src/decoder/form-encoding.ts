/** What prefixes, opcode and ModRM byte settle about an instruction's encoding; see form.ts. */

/** The encoding of a form. */
export interface FormEncoding {
  /** With its escape bytes, e.g. 0x0fb6. */
  readonly opcode: number;
  /** ModRM byte with mod and rm zero where it names memory, mod 3 where it names registers; -1 for none. */
  readonly modrm: number;
  /** 66 is given to an opcode of which it may choose another instruction. */
  readonly operandPrefix: boolean;
  /** F3 (1) or F2 (2) is given to an opcode of which it may choose another instruction. */
  readonly rep: 0 | 1 | 2;
  /** Bytes. */
  readonly operandSize: 2 | 4;
  readonly addressSize: 2 | 4;
}

export const reg = (encoding: FormEncoding): number => (encoding.modrm >> 3) & 7;
export const isRegisterForm = (encoding: FormEncoding): boolean => encoding.modrm >= 0xc0;
export const isMemoryForm = (encoding: FormEncoding): boolean => encoding.modrm >= 0 && encoding.modrm < 0xc0;
