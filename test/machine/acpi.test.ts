import { describe, expect, it } from 'vitest';
import { AcpiHardware, buildAcpiTables, pciIrq } from '../../src/machine/acpi.ts';

const BASE = 0xe0000;
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

describe('ACPI tables', () => {
  const image = buildAcpiTables({ base: BASE });
  const view = new DataView(image.buffer);
  const text = (at: number, length: number): string =>
    String.fromCharCode(...image.subarray(at, at + length));
  /** The table at a physical address, found by its signature, with a valid checksum. */
  const table = (physical: number, signature: string): { at: number; length: number } => {
    const at = physical - BASE;
    const length = view.getUint32(at + 4, true);
    expect(text(at, 4)).toBe(signature);
    expect(sum(image.subarray(at, at + length))).toBe(0);
    return { at, length };
  };
  const rsdt = table(view.getUint32(16, true), 'RSDT');
  const fadt = table(view.getUint32(rsdt.at + 36, true), 'FACP');
  const dsdt = table(view.getUint32(fadt.at + 40, true), 'DSDT');

  it('the RSDP comes first, with its checksum', () => {
    expect(text(0, 8)).toBe('RSD PTR ');
    expect(sum(image.subarray(0, 20))).toBe(0);
    expect(rsdt.length).toBe(40);
  });

  it('the FADT says the same in its 32-bit and 64-bit fields', () => {
    expect(fadt.length).toBe(244);
    const u32 = (offset: number): number => view.getUint32(fadt.at + offset, true);
    expect(view.getUint16(fadt.at + 46, true)).toBe(9); // SCI_INT
    expect(u32(48)).toBe(0); // SMI_CMD
    for (const [legacy, extended] of [
      [36, 132],
      [40, 140],
      [56, 152],
      [64, 176],
      [76, 212],
    ]) {
      expect(u32(extended)).toBe(u32(legacy));
    }
    expect(u32(56)).toBe(AcpiHardware.PM_BASE);
    expect([u32(120), image[fadt.at + 128]]).toEqual([0xcf9, 6]); // reset register and value
    const facs = u32(36);
    expect(facs % 64).toBe(0);
    expect(text(facs - BASE, 4)).toBe('FACS');
    expect(view.getUint32(facs - BASE + 4, true)).toBe(64);
  });

  it('the DSDT begins with \\_S5 and names the PCI root', () => {
    // Name (_S5_, Package (4) {0, 0, 0, 0}) by hand: NameOp, name, PackageOp, length 6, 4 elements.
    expect([...image.subarray(dsdt.at + 36, dsdt.at + 48)]).toEqual([
      0x08, 0x5f, 0x53, 0x35, 0x5f, 0x12, 0x06, 0x04, 0, 0, 0, 0,
    ]);
    const aml = text(dsdt.at, dsdt.length);
    // Name (_HID, EisaId ("PNP0A03")): the doubleword 0x030AD041.
    expect(aml).toContain('PCI0\x08_HID\x0c\x41\xd0\x0a\x03');
    // DWordMemory 0xE0000000-0xFEBFFFFF, length 0x1EC00000.
    expect(aml).toContain('\x00\x00\x00\xe0\xff\xff\xbf\xfe\x00\x00\x00\x00\x00\x00\xc0\x1e\x79');
    // Device 3, INTB#: Package (4) {0x0003FFFF, One, Zero, IRQ}.
    expect(aml).toContain(`\x12\x0b\x04\x0c\xff\xff\x03\x00\x01\x00\x0a${String.fromCharCode(pciIrq(3, 1))}`);
  });

  it('moves with its base and refuses a place outside the BIOS area', () => {
    const moved = buildAcpiTables({ base: 0xf8000 });
    expect(new DataView(moved.buffer).getUint32(16, true)).toBe(0xf8000 + rsdt.at);
    expect(() => buildAcpiTables({ base: 0xfffc0 })).toThrow(RangeError);
    expect(() => buildAcpiTables({ base: 0xe0010 })).toThrow(RangeError);
    expect(() => buildAcpiTables({ base: 0x90000 })).toThrow(RangeError);
  });
});
