import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildGuest } from './assemble.ts';
import { sourcesIn } from './files.ts';
import { guests } from './index.ts';

/** Writes the ELF file of every guest, or of the guests named, into a folder, as `<name>.elf`. */
export async function main(outDir: string, names: readonly string[] = []): Promise<void> {
  const readSource = sourcesIn();
  for (const { name, source } of guests) {
    if (names.length > 0 && !names.includes(name)) continue;
    const path = join(outDir, `${name}.elf`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, (await buildGuest(source, readSource)).image);
  }
}
