// The package's own declarations are out of reach of its export map. Only what assemble.ts uses.
declare module 'keystone-wasm' {
  export const Const: {
    readonly KS_ARCH_X86: number;
    readonly KS_MODE_32: number;
    readonly KS_OPT_SYNTAX: number;
    readonly KS_OPT_SYNTAX_ATT: number;
    readonly KS_OPT_SYNTAX_INTEL: number;
  };
  export class Keystone {
    constructor(arch: number, mode: number);
    get handle(): number;
    setOption(option: number, value: number): number;
    errNo(): number;
    close(): void;
    static strError(error: number): string;
  }
  /** Loads the module into `args`, once: later calls do nothing. */
  export function loadKeystone(args?: Record<string, unknown>): Promise<void>;
}
