/** The memory map of the machine, as INT 15h AX=E820h reports it (ACPI Specification 3.0b, section 14.1). */

/** Address range types, table 14-1. */
export const E820Type = { RAM: 1, RESERVED: 2, ACPI: 3, NVS: 4 } as const;

export interface E820Entry {
  /** Physical address of the first byte. */
  base: number;
  /** Bytes. */
  size: number;
  /** One of E820Type. */
  type: number;
}

const MIB = 0x100000;
/** The last KiB of conventional memory belongs to the firmware's extended BIOS data area. */
const EBDA = 0x9fc00;
const CONVENTIONAL_END = 0xa0000;
/** ACPI tables and the firmware's entry points. */
const BIOS_AREA = 0xe0000;
/** PCI devices have the addresses from here up. */
export const HIGHEST_RAM_END = 0xe0000000;

/**
 * The ranges in rising order. What is not listed (the display window at 0xA0000) is not memory.
 * @param ramBytes size of memory counted from address 0, a multiple of 4 KiB, more than 1 MiB and at most 3.5 GiB
 * @throws RangeError for another size
 */
export const e820Map = (ramBytes: number): E820Entry[] => {
  if (ramBytes <= MIB || ramBytes > HIGHEST_RAM_END || ramBytes % 4096 !== 0) {
    throw new RangeError(`memory of ${ramBytes} bytes: not a multiple of 4 KiB from 1 MiB to 3.5 GiB`);
  }
  return [
    { base: 0, size: EBDA, type: E820Type.RAM },
    { base: EBDA, size: CONVENTIONAL_END - EBDA, type: E820Type.RESERVED },
    { base: BIOS_AREA, size: MIB - BIOS_AREA, type: E820Type.RESERVED },
    { base: MIB, size: ramBytes - MIB, type: E820Type.RAM },
  ];
};
