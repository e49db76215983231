/** Boots a kernel in v86, its console on standard output. Runs in a process of its own. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface V86Run {
  /** v86's main module; its WebAssembly lies beside it. */
  readonly module: string;
  /** Folder of the system and VGA firmware. */
  readonly firmware: string;
  readonly kernel: string;
  /** Without an initial RAM disk the kernel is a Multiboot one. */
  readonly initrd?: string;
  readonly commandLine: string;
  /** Guest RAM, bytes. */
  readonly memory: number;
  readonly jit: boolean;
}

/** The firmware files v86 works with, of SeaBIOS. */
export const V86_FIRMWARE = { bios: 'bios.bin', vga: 'vgabios-stdvga.bin' } as const;

const fileImage = (path: string): { buffer: ArrayBuffer } => {
  const bytes = readFileSync(path);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer };
};

/** Runs until the process is killed. */
export const runV86 = async (run: V86Run): Promise<void> => {
  const { V86 } = await import('v86');
  const emulator = new V86({
    wasm_path: join(dirname(run.module), 'v86.wasm'),
    memory_size: run.memory,
    bios: fileImage(join(run.firmware, V86_FIRMWARE.bios)),
    vga_bios: fileImage(join(run.firmware, V86_FIRMWARE.vga)),
    ...(run.initrd === undefined
      ? { multiboot: fileImage(run.kernel) }
      : { bzimage: fileImage(run.kernel), initrd: fileImage(run.initrd) }),
    cmdline: run.commandLine,
    autostart: true,
    disable_jit: !run.jit,
    disable_keyboard: true,
    disable_mouse: true,
    disable_speaker: true,
  });
  let line: number[] = [];
  emulator.add_listener('serial0-output-byte', (byte) => {
    // What one turn of v86's loop prints leaves in one write.
    if (line.length === 0)
      setImmediate(() => {
        process.stdout.write(Uint8Array.from(line));
        line = [];
      });
    line.push(byte);
  });
};
