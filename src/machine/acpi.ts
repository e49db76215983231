/**
 * The ACPI tables of the machine (ACPI Specification 3.0b, chapters 5 and 19): enough for an unmodified kernel to
 * find the PCI root, route its interrupts to the 8259As and switch the power off. There is no MADT, so kernels stay
 * in PIC mode; there is no SMI command port, so the machine is in ACPI mode from the start.
 */

/** Where the tables say the fixed hardware is; the machine must wire it so. */
export const AcpiHardware = {
  /** I/O base of the PM register range (devices/acpi-pm.ts). */
  PM_BASE: 0x600,
  /** The SCI's IRQ, level-triggered. */
  SCI_IRQ: 9,
  /** SLP_TYP of \_S5. */
  SOFT_OFF_TYPE: 0,
  RESET_PORT: 0xcf9,
  RESET_VALUE: 6,
  /** The memory window for PCI devices: first and last physical address. */
  PCI_MEMORY_FIRST: 0xe0000000,
  PCI_MEMORY_LAST: 0xfebfffff,
} as const;

const PCI_IRQS = [10, 11] as const;

/**
 * The IRQ that INTA#-INTD# of a device on bus 0 is routed to.
 * @param device 0-31 @param pin 0-3 for INTA#-INTD#
 */
export const pciIrq = (device: number, pin: number): number => PCI_IRQS[(device + pin) & 1];

const BIOS_AREA = { FIRST: 0xe0000, LAST: 0xfffff } as const;
/** Offsets (bytes) of the tables from the base. The FACS must lie on 64 bytes, the RSDP on 16. */
const Layout = { RSDP: 0x00, FACS: 0x40, RSDT: 0x80, FADT: 0xc0, DSDT: 0x1c0 } as const;

const OEM_ID = 'RNGDWN';
const OEM_TABLE_ID = 'RINGDOWN';

const ascii = (text: string): number[] => [...text].map((character) => character.charCodeAt(0));
const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const dword = (value: number): number[] => [...word(value), ...word(value >>> 16)];
const zeros = (count: number): number[] => new Array(count).fill(0);

/** Sets a byte so that a range sums to zero modulo 256. */
const fixChecksum = (bytes: number[], at: number, length = bytes.length): number[] => {
  bytes[at] = 0;
  let sum = 0;
  for (let i = 0; i < length; i++) sum += bytes[i];
  bytes[at] = -sum & 0xff;
  return bytes;
};

/** A system description table: the 36-byte header of section 5.2.6 and a body. */
const table = (signature: string, revision: number, body: number[]): number[] =>
  fixChecksum(
    [
      ...ascii(signature),
      ...dword(36 + body.length),
      revision,
      0, // checksum
      ...ascii(OEM_ID),
      ...ascii(OEM_TABLE_ID),
      ...dword(1), // OEM revision
      ...ascii('RNGD'),
      ...dword(1), // creator revision
      ...body,
    ],
    9,
  );

/** ACPI Machine Language (section 19), as far as these tables need it. Every function returns encoded bytes. */
const aml = {
  /** PkgLength: its own bytes count; bits 7-6 of the first say how many follow. */
  sized(content: number[]): number[] {
    if (content.length + 1 < 0x40) return [content.length + 1, ...content];
    if (content.length + 2 < 0x1000) {
      const length = content.length + 2;
      return [0x40 | (length & 15), length >> 4, ...content];
    }
    const length = content.length + 3;
    return [0x80 | (length & 15), (length >> 4) & 0xff, length >> 12, ...content];
  },
  /** ZeroOp, OneOp, or a byte, word or doubleword prefix and the number. */
  integer(value: number): number[] {
    if (value <= 1) return [value];
    if (value <= 0xff) return [0x0a, value];
    return value <= 0xffff ? [0x0b, ...word(value)] : [0x0c, ...dword(value)];
  },
  /** NameOp, a four-character name, an object. */
  name(name: string, object: number[]): number[] {
    return [0x08, ...ascii(name), ...object];
  },
  /** PackageOp, PkgLength, NumElements, elements. */
  package(elements: number[][]): number[] {
    return [0x12, ...aml.sized([elements.length, ...elements.flat()])];
  },
  /** BufferOp, PkgLength, BufferSize, bytes. */
  buffer(bytes: number[]): number[] {
    return [0x11, ...aml.sized([...aml.integer(bytes.length), ...bytes])];
  },
  /** ScopeOp, PkgLength, a name with the root prefix, terms. */
  scope(name: string, terms: number[][]): number[] {
    return [0x10, ...aml.sized([...ascii(`\\${name}`), ...terms.flat()])];
  },
  /** ExtOpPrefix DeviceOp, PkgLength, name, terms. */
  device(name: string, terms: number[][]): number[] {
    return [0x5b, 0x82, ...aml.sized([...ascii(name), ...terms.flat()])];
  },
  /** A doubleword with a compressed EISA identifier: three letters of five bits and four hex digits, big-endian. */
  eisaId(id: string): number[] {
    const [a, b, c] = ascii(id).map((code) => code - 0x40);
    const letters = (a << 10) | (b << 5) | c;
    const product = Number.parseInt(id.slice(3), 16);
    return [0x0c, letters >> 8, letters & 0xff, product >> 8, product & 0xff];
  },
};

/** Resource descriptors (section 6.4); `resources` ends a list and makes it a buffer. */
const Resource = { BUS: 2, IO: 1, MEMORY: 0 } as const;

/** I/O port descriptor: 16-bit decode, fixed base. */
const ioPorts = (base: number, length: number): number[] => [
  0x47,
  1,
  ...word(base),
  ...word(base),
  1,
  length,
];

/** IRQ descriptor: edge-triggered, active high, exclusive. */
const irq = (number: number): number[] => [0x22, ...word(1 << number)];

/** Word address space descriptor of a window the bridge passes on, with fixed ends. @param last inclusive */
const wordWindow = (type: number, typeFlags: number, first: number, last: number): number[] => [
  0x88,
  ...word(13),
  type,
  0x0c, // both ends fixed, positive decode, producer
  typeFlags,
  ...word(0), // granularity
  ...word(first),
  ...word(last),
  ...word(0), // translation
  ...word(last - first + 1),
];

/** Doubleword address space descriptor of read-write, uncached memory. @param last inclusive */
const memoryWindow = (first: number, last: number): number[] => [
  0x87,
  ...word(23),
  Resource.MEMORY,
  0x0c,
  0x01, // read-write, not cacheable
  ...dword(0),
  ...dword(first),
  ...dword(last),
  ...dword(0),
  ...dword(last - first + 1),
];

/** The descriptors and the end tag; its checksum of zero is not checked. */
const resources = (descriptors: number[][]): number[] => aml.buffer([...descriptors.flat(), 0x79, 0]);

/** _PRT (section 6.2.12): each pin of each device goes to a fixed interrupt, without a link device. */
const interruptRouting = (): number[] => {
  const routes: number[][] = [];
  for (let device = 1; device < 32; device++) {
    for (let pin = 0; pin < 4; pin++) {
      routes.push(
        aml.package([
          aml.integer(((device << 16) | 0xffff) >>> 0),
          aml.integer(pin),
          aml.integer(0),
          aml.integer(pciIrq(device, pin)),
        ]),
      );
    }
  }
  return aml.package(routes);
};

const legacyDevice = (name: string, id: string, descriptors: number[][]): number[] =>
  aml.device(name, [
    aml.name('_HID', aml.eisaId(id)),
    aml.name('_STA', aml.integer(0x0f)),
    aml.name('_CRS', resources(descriptors)),
  ]);

/** The namespace: \_S5 and the PCI root with its windows and the devices every PC has. */
const dsdtBody = (): number[] => {
  const off = aml.integer(AcpiHardware.SOFT_OFF_TYPE);
  const none = aml.integer(0);
  const { PCI_MEMORY_FIRST, PCI_MEMORY_LAST } = AcpiHardware;
  return [
    ...aml.name('_S5_', aml.package([off, off, none, none])),
    ...aml.scope('_SB_', [
      aml.device('PCI0', [
        aml.name('_HID', aml.eisaId('PNP0A03')),
        aml.name('_UID', none),
        aml.name('_BBN', none),
        aml.name(
          '_CRS',
          resources([
            wordWindow(Resource.BUS, 0, 0, 0xff),
            ioPorts(0xcf8, 8),
            wordWindow(Resource.IO, 3, 0, 0xcf7),
            wordWindow(Resource.IO, 3, 0xd00, 0xffff),
            memoryWindow(0xa0000, 0xbffff),
            memoryWindow(PCI_MEMORY_FIRST, PCI_MEMORY_LAST),
          ]),
        ),
        aml.name('_PRT', interruptRouting()),
        legacyDevice('RTC_', 'PNP0B00', [ioPorts(0x70, 2), irq(8)]),
        legacyDevice('KBD_', 'PNP0303', [ioPorts(0x60, 1), ioPorts(0x64, 1), irq(1)]),
        legacyDevice('COM1', 'PNP0501', [ioPorts(0x3f8, 8), irq(4)]),
      ]),
    ]),
  ];
};

/** Generic address structure of an I/O register, section 5.2.3.1. */
const ioAddress = (bits: number, port: number): number[] => [1, bits, 0, 0, ...dword(port), ...dword(0)];
const NO_ADDRESS = zeros(12);

/** Fixed feature flags of the FADT (table 5-10). */
const FADT_FLAGS =
  (1 << 0) | // WBINVD works
  (1 << 2) | // C1 (HLT) on all processors
  (1 << 5) | // no fixed sleep button
  (1 << 6) | // no RTC wake status in the fixed registers
  (1 << 10); // reset register

/** IA-PC boot architecture flags: legacy devices, 8042, no VGA, no message signalled interrupts. */
const BOOT_ARCHITECTURE = 0b1111;
const FADT_LENGTH = 244;
const RTC_CENTURY = 0x32;

const fadtBody = (facs: number, dsdt: number): number[] => {
  const { PM_BASE, SCI_IRQ, RESET_PORT, RESET_VALUE } = AcpiHardware;
  const [event, control, timer] = [PM_BASE, PM_BASE + 4, PM_BASE + 8];
  return [
    ...dword(facs),
    ...dword(dsdt),
    0, // reserved
    0, // preferred profile: unspecified
    ...word(SCI_IRQ),
    ...dword(0), // SMI_CMD: none
    ...zeros(4), // ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT
    ...dword(event),
    ...dword(0),
    ...dword(control),
    ...dword(0),
    ...dword(0), // PM2_CNT_BLK
    ...dword(timer),
    ...dword(0), // GPE0_BLK
    ...dword(0), // GPE1_BLK
    ...[4, 2, 0, 4, 0, 0, 0], // lengths: event, control, PM2, timer, GPE0, GPE1; GPE1 base
    0, // CST_CNT
    ...word(0xffff), // P_LVL2_LAT: no C2
    ...word(0xffff), // P_LVL3_LAT: no C3
    ...zeros(4), // FLUSH_SIZE, FLUSH_STRIDE
    ...zeros(2), // DUTY_OFFSET, DUTY_WIDTH
    ...[0, 0, RTC_CENTURY], // DAY_ALRM, MON_ALRM, CENTURY
    ...word(BOOT_ARCHITECTURE),
    0,
    ...dword(FADT_FLAGS),
    ...ioAddress(8, RESET_PORT),
    RESET_VALUE,
    ...zeros(3),
    ...[...dword(facs), ...dword(0)],
    ...[...dword(dsdt), ...dword(0)],
    ...ioAddress(32, event),
    ...NO_ADDRESS,
    ...ioAddress(16, control),
    ...NO_ADDRESS,
    ...NO_ADDRESS,
    ...ioAddress(32, timer),
    ...NO_ADDRESS,
    ...NO_ADDRESS,
  ];
};

/** Firmware ACPI control structure (section 5.2.10): no waking vector, global lock free. */
const facsTable = (): number[] => [...ascii('FACS'), ...dword(64), ...zeros(24), 1, ...zeros(31)];

/**
 * Builds RSDP, RSDT, FADT, FACS and DSDT as one image.
 * @param options.base physical address of the image, a multiple of 64 in the BIOS area 0xE0000-0xFFFFF, where
 *   kernels look for the RSDP, which comes first
 * @throws RangeError if the image does not fit there
 */
export const buildAcpiTables = ({ base }: { base: number }): Uint8Array => {
  const dsdt = table('DSDT', 1, dsdtBody());
  const image = new Uint8Array(Layout.DSDT + dsdt.length);
  if (base % 64 !== 0 || base < BIOS_AREA.FIRST || base + image.length - 1 > BIOS_AREA.LAST) {
    throw new RangeError(`ACPI tables of ${image.length} bytes cannot lie at 0x${base.toString(16)}`);
  }
  const rsdp = fixChecksum(
    [...ascii('RSD PTR '), 0, ...ascii(OEM_ID), 0, ...dword(base + Layout.RSDT)], // revision 0: ACPI 1.0
    8,
  );
  const fadt = table('FACP', 4, fadtBody(base + Layout.FACS, base + Layout.DSDT));
  if (fadt.length !== FADT_LENGTH) throw new Error(`FADT has ${fadt.length} bytes`);
  image.set(rsdp, Layout.RSDP);
  image.set(facsTable(), Layout.FACS);
  image.set(table('RSDT', 1, dword(base + Layout.FADT)), Layout.RSDT);
  image.set(fadt, Layout.FADT);
  image.set(dsdt, Layout.DSDT);
  return image;
};
