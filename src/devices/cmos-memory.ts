/** What the firmware of a PC/AT leaves in the CMOS memory: equipment and memory sizes. */

const KIB = 1024;
const MIB = KIB * KIB;

const putWord = (memory: Uint8Array, at: number, value: number): void => {
  memory[at] = value & 0xff;
  memory[at + 1] = value >> 8;
};

/**
 * Fills the configuration bytes for a machine with a coprocessor, a keyboard, no disks and no display adapter of
 * the old kinds, and their checksum.
 * @param memory the 128 CMOS bytes @param ramBytes size of memory, from 1 MiB to just under 4 GiB
 */
export const fillCmosMemory = (memory: Uint8Array, ramBytes: number): void => {
  const extended = Math.max(0, ramBytes - MIB);
  const extendedKib = Math.min(0xffff, Math.floor(extended / KIB));
  // Equipment: coprocessor present; primary display "reserved", that is one with its own BIOS or none.
  memory[0x14] = 0x02;
  putWord(memory, 0x15, 640);
  putWord(memory, 0x17, extendedKib);
  putWord(memory, 0x30, extendedKib);
  // Memory above 16 MiB in units of 64 KiB.
  putWord(memory, 0x34, Math.min(0xffff, Math.floor(Math.max(0, ramBytes - 16 * MIB) / (64 * KIB))));
  let sum = 0;
  for (let at = 0x10; at <= 0x2d; at++) sum += memory[at];
  // The checksum is stored high byte first.
  memory[0x2e] = (sum >> 8) & 0xff;
  memory[0x2f] = sum & 0xff;
};
