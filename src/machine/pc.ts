/** The PC on one page: which device is wired to which ports and interrupt lines. */
import { AcpiPm, AcpiPmOffset } from '../devices/acpi-pm.ts';
import { fillCmosMemory } from '../devices/cmos-memory.ts';
import { CoprocessorError } from '../devices/coprocessor-error.ts';
import { DebugConsole, DebugExit, PostCodePort, ResetControl } from '../devices/debug-ports.ts';
import type { Clock } from '../devices/device.ts';
import { I8042 } from '../devices/i8042.ts';
import { I8254 } from '../devices/i8254.ts';
import { InterruptController } from '../devices/i8259a.ts';
import { IoBus } from '../devices/io-bus.ts';
import { Mc146818 } from '../devices/mc146818.ts';
import { createHostBridge, PciHost } from '../devices/pci.ts';
import { SystemControlPortA } from '../devices/system-control-port-a.ts';
import { SystemControlPortB } from '../devices/system-control-port-b.ts';
import { Uart16550a } from '../devices/uart16550a.ts';
import { WiredAnd, WiredOr } from '../devices/wires.ts';
import { AcpiHardware } from './acpi.ts';

export interface PcOptions {
  readonly clock: Clock;
  /** RAM in bytes, for the CMOS fields. */
  readonly ramBytes: number;
  /** Calendar at power-on, milliseconds since 1970. */
  readonly start: number;
  /** Level of the interrupt controllers' INTR output. */
  onInterruptRequest(level: boolean): void;
  /** Level of the processor's NMI pin. */
  onNmi(level: boolean): void;
  onA20(enabled: boolean): void;
  onReset(): void;
  onPowerOff(): void;
  /** A byte sent by COM1 (0) or COM2 (1). */
  onSerial(port: number, byte: number): void;
  onDebugConsole(byte: number): void;
  /** A write to the debug exit port, with QEMU's exit status. */
  onDebugExit(status: number): void;
  /** Ports of the debug exit device. */
  readonly debugExit: { readonly base: number; readonly size: number };
}

export class Pc {
  readonly ports = new IoBus();
  readonly interrupts: InterruptController;
  readonly timer: I8254;
  readonly rtc: Mc146818;
  readonly keyboard: I8042;
  readonly serial: readonly Uart16550a[];
  readonly pci = new PciHost();
  readonly power: AcpiPm;
  readonly coprocessorError: CoprocessorError;
  readonly portB: SystemControlPortB;

  constructor(options: PcOptions) {
    const { clock } = options;
    const { ports } = this;
    const interrupts = new InterruptController({ intr: (level) => options.onInterruptRequest(level) });
    const irq = (n: number) => interrupts.irq(n);
    // The gate is open while either controller opens it; the keyboard controller does from power-on.
    const a20 = new WiredOr({ set: (enabled) => options.onA20(enabled) });
    const onReset = () => options.onReset();
    this.interrupts = interrupts;

    ports.attach(0x20, 2, interrupts.master);
    ports.attach(0xa0, 2, interrupts.slave);
    ports.attach(0x4d0, 2, interrupts.edgeLevelControl);

    const timer = new I8254({ clock, output: irq(0) });
    this.timer = timer;
    ports.attach(0x40, 4, timer);
    const gate2 = (level: boolean) => timer.setGate2(level);
    const nmi = new WiredAnd({ set: (level) => options.onNmi(level) });
    this.portB = new SystemControlPortB({
      clock,
      setGate2: gate2,
      out2: () => timer.out(2),
      nmi: nmi.input(false),
    });
    ports.attach(0x61, 1, this.portB);

    this.keyboard = new I8042({ clock, irq: irq(1), a20: a20.input(true), onReset });
    ports.attach(0x60, 1, this.keyboard.data);
    ports.attach(0x64, 1, this.keyboard.command);
    ports.attach(0x92, 1, new SystemControlPortA({ a20: a20.input(false), onReset }));

    this.rtc = new Mc146818({ clock, irq: irq(8), start: options.start, nmiEnabled: nmi.input(true) });
    fillCmosMemory(this.rtc.memory, options.ramBytes);
    ports.attach(0x70, 2, this.rtc);

    this.serial = [
      { base: 0x3f8, line: 4 },
      { base: 0x2f8, line: 3 },
    ].map(({ base, line }, port) => {
      const uart = new Uart16550a({
        clock,
        irq: irq(line),
        onTransmit: (byte) => options.onSerial(port, byte),
      });
      ports.attach(base, 8, uart);
      return uart;
    });

    this.pci.add(0, 0, createHostBridge());
    ports.attach(0xcf8, 4, this.pci.addressPort, 4);
    ports.attach(0xcfc, 4, this.pci.dataPort, 4);
    ports.attach(0xcf9, 1, new ResetControl({ onReset }));

    this.power = new AcpiPm({
      clock,
      sci: irq(AcpiHardware.SCI_IRQ),
      softOffType: AcpiHardware.SOFT_OFF_TYPE,
      onPowerOff: () => options.onPowerOff(),
    });
    ports.attach(AcpiHardware.PM_BASE, AcpiPmOffset.LENGTH, this.power, 4);

    this.coprocessorError = new CoprocessorError({ irq: irq(13) });
    ports.attach(0xf0, 1, this.coprocessorError);

    ports.attach(0x80, 1, new PostCodePort());
    ports.attach(0xe9, 1, new DebugConsole({ onByte: (byte) => options.onDebugConsole(byte) }));
    const { base, size } = options.debugExit;
    ports.attach(base, size, new DebugExit({ onExit: (status) => options.onDebugExit(status) }), 4);
  }
}
