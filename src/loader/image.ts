/** What a loader is given and what it hands back. Every address in this folder is physical, in bytes. */

/** Guest RAM as a loader sees it. An implementation may assume that ranges lie inside `size`. */
export interface GuestMemory {
  /** Bytes of physical address space that `write` and `fill` accept, counted from address 0. */
  readonly size: number;
  write(physical: number, bytes: Uint8Array): void;
  /** @param value the byte to repeat */
  fill(physical: number, length: number, value: number): void;
}

/** One range of the memory map as the BIOS reports it (INT 15h, AX=E820h; ACPI specification, section 15). */
export interface MemoryRange {
  readonly base: number;
  readonly size: number;
  /** 1 is usable RAM; 2 reserved, 3 ACPI tables, 4 ACPI non-volatile storage, 5 defective. */
  readonly type: number;
}

/** The `type` of usable RAM. */
export const RAM = 1;

/** A file loaded beside the kernel: a Multiboot module, or (part of) Linux's initial RAM disk. */
export interface BootModule {
  /** For error messages. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What a Multiboot kernel finds as the module's string; Linux has no such thing. */
  readonly commandLine: string;
}

export interface LoadOptions {
  /** The kernel file as the user wrote it: names it in errors and starts a Multiboot command line. */
  readonly name: string;
  /** Arguments for the kernel. */
  readonly append?: string;
  readonly modules?: readonly BootModule[];
  /** The machine's memory map. RAM covered by an entry of another type counts as reserved. */
  readonly e820: readonly MemoryRange[];
  /** Address of the ACPI root system description pointer, for kernels that take it from the loader. */
  readonly acpiRsdp?: number;
}

export type RegisterName = 'eax' | 'ecx' | 'edx' | 'ebx' | 'esp' | 'ebp' | 'esi' | 'edi';

/**
 * The processor at the first guest instruction of Multiboot and of Linux's 32-bit protocol: CR0.PE set and paging off,
 * EFLAGS with only bit 1 set (so interrupts are off), A20 open, every segment with base 0 and a limit of 4 GiB.
 */
export interface FlatEntryState {
  readonly mode: 'protected-flat';
  readonly eip: number;
  /** Registers the protocol prescribes; those left out are undefined by it and best zeroed. */
  readonly registers: Readonly<Partial<Record<RegisterName, number>>>;
  /** The descriptor table, already in memory: base address and limit (last valid byte). */
  readonly gdt: { readonly base: number; readonly limit: number };
  /** Selector of CS: 32-bit code, readable, ring 0. */
  readonly codeSelector: number;
  /** Selector of DS, ES, FS, GS and SS: 32-bit data, writable, ring 0. */
  readonly dataSelector: number;
}

/** The same for a kernel that starts in real mode: the processor as after reset, but for where it is and interrupts off. */
export interface RealEntryState {
  readonly mode: 'real';
  readonly eip: number;
  readonly registers: Readonly<Partial<Record<RegisterName, number>>>;
  /** CS, in paragraphs. */
  readonly codeSegment: number;
  /** DS, ES, FS, GS and SS, in paragraphs. */
  readonly dataSegment: number;
}

export type EntryState = FlatEntryState | RealEntryState;

/** A file that cannot be started. The message is one line for the user: the file and the reason. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/** Little-endian access to the fields of a file or of a structure being built. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Stores an address or length below 2^53 as 64 bits. */
export const setUint64 = (view: DataView, offset: number, value: number): void =>
  view.setBigUint64(offset, BigInt(value), true);

/** The text followed by a zero byte, in UTF-8. */
export const zeroTerminated = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);

/** An address or size as messages write it. */
export const hex = (value: number): string => `0x${value.toString(16)}`;
