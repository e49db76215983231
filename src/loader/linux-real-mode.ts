import { type EntryState, type GuestMemory, type LoadOptions, viewOf } from './image.ts';
import { Layout, type Placement } from './layout.ts';
import { type LinuxHeader, SetupHeader } from './linux-header.ts';

/** Where the setup code goes, with its heap and stack above it, and the command line behind them. */
const SETUP = 0x10000;
const SETUP_AREA = 0x10000;
const COMMAND_LINE = SETUP + SETUP_AREA;
/** End of the heap and top of the stack, from the setup code's start, as the protocol's sample loader has it. */
const HEAP_END = 0xe000;
/** The protocol counts the heap's end from the end of the boot sector. */
const BOOT_SECTOR = 0x200;
/** What follows the boot sector is entered, in paragraphs. */
const ENTRY = 0x20;
const CAN_USE_HEAP = 1 << 7;
/** "A loader without an assigned number." */
const UNDEFINED_LOADER = 0xff;

/**
 * Puts the setup code of a kernel into memory that is to be started in real mode, by the original protocol ("The
 * Linux/x86 Boot Protocol", "Loading the rest of the kernel" and "Running the kernel"). The protected-mode part is
 * loaded already.
 * @param commandLine with its terminating zero
 */
export const loadSetup = (
  header: LinuxHeader,
  commandLine: Uint8Array,
  ramdisk: { readonly address: number; readonly size: number },
  { name }: LoadOptions,
  memory: GuestMemory,
  placement: Placement,
): EntryState => {
  placement.claim(SETUP, SETUP_AREA, `${name}: its setup code`);
  placement.claim(COMMAND_LINE, commandLine.length, `${name}: its command line`);
  // A copy; header.setup.slice() would be none where it is a Buffer of Node.
  const setup = Uint8Array.from(header.setup);
  const view = viewOf(setup);
  view.setUint8(SetupHeader.LOADER_TYPE, UNDEFINED_LOADER);
  view.setUint8(SetupHeader.LOAD_FLAGS, view.getUint8(SetupHeader.LOAD_FLAGS) | CAN_USE_HEAP);
  view.setUint16(SetupHeader.HEAP_END, HEAP_END - BOOT_SECTOR, true);
  view.setUint32(SetupHeader.RAMDISK_ADDRESS, ramdisk.address, true);
  view.setUint32(SetupHeader.RAMDISK_SIZE, ramdisk.size, true);
  view.setUint32(SetupHeader.COMMAND_LINE, COMMAND_LINE, true);
  memory.write(SETUP, setup);
  memory.write(COMMAND_LINE, commandLine);
  return {
    mode: 'real',
    codeSegment: (SETUP >> 4) + ENTRY,
    eip: 0,
    dataSegment: SETUP >> 4,
    registers: { esp: HEAP_END },
  };
};

/** Longest command line that this layout takes, without the terminating zero. */
export const SETUP_COMMAND_LINE_SIZE = Layout.BOOT_PARAMETERS - COMMAND_LINE - 1;
