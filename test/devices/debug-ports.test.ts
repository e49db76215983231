import { describe, expect, it } from 'vitest';
import { DebugConsole, DebugExit, PostCodePort, ResetControl } from '../../src/devices/debug-ports.ts';

describe('debug ports', () => {
  it('port 0x80 keeps the last code', () => {
    const port = new PostCodePort();
    port.write(0, 1, 0xa5);
    expect(port.read(0, 1)).toBe(0xa5);
  });

  it('port 0xE9 prints and answers with its number', () => {
    const bytes: number[] = [];
    const port = new DebugConsole({ onByte: (byte) => bytes.push(byte) });
    port.write(0, 1, 0x41);
    expect([port.read(0, 1), bytes]).toEqual([0xe9, [0x41]]);
  });

  it('the exit port reports an odd status', () => {
    const statuses: number[] = [];
    const port = new DebugExit({ onExit: (status) => statuses.push(status) });
    port.write(0, 1, 0);
    port.write(0, 4, 0x10);
    port.write(0, 4, 0xffffffff);
    expect(statuses).toEqual([1, 33, 0xffffffff]);
  });

  it('port 0xCF9 resets when bit 2 goes high', () => {
    let resets = 0;
    const port = new ResetControl({ onReset: () => resets++ });
    port.write(0, 1, 0x02);
    expect([resets, port.read(0, 1)]).toEqual([0, 2]);
    port.write(0, 1, 0x06);
    port.write(0, 1, 0x06);
    expect(resets).toBe(1);
    port.reset();
    port.write(0, 1, 0x0e);
    expect(resets).toBe(2);
  });
});
