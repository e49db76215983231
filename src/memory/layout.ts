/**
 * The machine's linear memory (one WebAssembly memory): state, software TLB, jump cache, guest RAM,
 * translation cache. Addresses are in bytes. What generated code refers to by constant comes first.
 */
export const PAGE_SIZE = 4096;

/** Slow memory paths hand data over here; above POINTER_BIAS so that biased pointers stay positive. */
export const BOUNCE_BUFFER = 0x2000;

/**
 * The software TLB: for each 4 KiB page of linear space one word per table: read, write and execute, for
 * supervisor and user. A word is the page's address in this memory minus its linear address minus
 * POINTER_BIAS; as the bias is no multiple of the page size a valid word is never zero. Zero sends the access
 * to the slow path.
 *
 * Fetches have tables of their own, as the processor has a TLB of its own for them: a page that may be read
 * need not be executable, and its code may well be in the translation cache, by way of another mapping.
 */
export const TLB_BASE = 0x0010_0000;
export const TLB_TABLE_SIZE = 0x0040_0000;
export const TLB_READ_OFFSET = 0;
export const TLB_WRITE_OFFSET = TLB_TABLE_SIZE;
export const TLB_EXECUTE_OFFSET = 2 * TLB_TABLE_SIZE;
export const TLB_SUPERVISOR = TLB_BASE;
export const TLB_USER = TLB_BASE + 3 * TLB_TABLE_SIZE;
/** Bytes of all six tables. */
export const TLB_SIZE = 6 * TLB_TABLE_SIZE;
export const POINTER_BIAS = 4095;

/** Jump cache: 16-byte entries of biased address of the code, mode, record. */
export const JUMP_CACHE_BASE = TLB_BASE + TLB_SIZE;
export const JUMP_CACHE_ENTRIES = 1 << 15;
export const JUMP_CACHE_ENTRY_SIZE = 16;
export const JumpCacheField = { ADDRESS: 0, MODE: 4, RECORD: 8 } as const;

/** Guest-physical address 0. */
export const RAM_BASE = JUMP_CACHE_BASE + JUMP_CACHE_ENTRIES * JUMP_CACHE_ENTRY_SIZE;
