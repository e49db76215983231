import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildGuest, ORIGIN } from '../../guests/assemble.ts';
import { readExpected, sourcesIn } from '../../guests/files.ts';
import { findGuest, guests } from '../../guests/index.ts';

const folder = new URL('../../guests/', import.meta.url).pathname;
const readSource = sourcesIn();

describe.each(guests)('$name', (guest) => {
  test('assembles to a Multiboot kernel', async () => {
    const { image, entry, symbols } = await buildGuest(guest.name, readSource);
    const view = new DataView(image.buffer);

    // Multiboot 0.6.96, section 3.1: aligned to 4 bytes within the first 8192 bytes of the file.
    const offsets = Array.from({ length: 2048 }, (_, i) => i * 4);
    const header = offsets.find((at) => at + 12 <= image.length && view.getUint32(at, true) === 0x1badb002);
    expect(header).toBeDefined();
    const [magic, flags, checksum] = [0, 4, 8].map((at) => view.getUint32(header! + at, true));
    expect((magic + flags + checksum) >>> 0).toBe(0);
    expect(flags & 0xffff).toBe(0); // asks for nothing that a loader could refuse

    const phoff = view.getUint32(28, true);
    const [start, fileSize, memorySize] = [12, 16, 20].map((at) => view.getUint32(phoff + at, true));
    expect(start).toBe(ORIGIN);
    expect(view.getUint32(24, true)).toBe(entry);
    expect(entry).toBe(symbols.get('_start'));
    expect(fileSize).toBeLessThan(0x10000);
    expect(memorySize).toBeGreaterThanOrEqual(fileSize);
    // The image must end below the stacks of the memory map in lib/start.s, all within the guest's memory.
    expect(ORIGIN + fileSize).toBeLessThan(0x1a0000);
    expect(ORIGIN + memorySize).toBeLessThanOrEqual(guest.memory << 20);
  });

  test('promises a console text that shows no failure', async () => {
    const text = await readExpected(guest.name);
    expect(text).toMatch(/\n$/);
    expect(text).not.toContain('FAIL');
  });

  test('names under trap only checks that it makes', async () => {
    const text = await readExpected(guest.name);
    const names = [...guest.underTrap.failing, ...guest.tcgFails];
    expect(names.filter((name) => !text.includes(`${name}: ok\n`))).toEqual([]);
    if (/^\d+ checks, 0 failed$/m.test(text)) {
      expect(text.match(/: ok$/gm)).toHaveLength(Number(/^(\d+) checks/m.exec(text)![1]));
    }
  });
});

test('every sensitive guest and every expected text is in the list', () => {
  const listed = guests.map(({ name }) => name).sort();
  const sources = readdirSync(`${folder}sensitive`).map((file) => `sensitive/${file.replace(/\.s$/, '')}`);
  expect(listed.filter((name) => name.startsWith('sensitive/'))).toEqual(sources.sort());
  const texts = (readdirSync(`${folder}expected`, { recursive: true }) as string[])
    .filter((file) => file.endsWith('.txt'))
    .map((file) => file.replace(/\.txt$/, ''));
  expect(texts.sort()).toEqual(listed);
});

test('hello finds the number of primes below 2^22', async () => {
  expect(await readExpected('hello')).toContain('primes below 4194304: 295947\n');
});

test('sources stay readable', () => {
  const sources = (readdirSync(folder, { recursive: true }) as string[]).filter((file) => /\.s$/.test(file));
  const long = sources.filter((file) => readFileSync(folder + file, 'utf8').split('\n').length > 500);
  expect(long).toEqual([]);
});

test('an unknown guest is refused by name', () => {
  expect(() => findGuest('nothing')).toThrow(/no guest named nothing/);
});
