import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildGuest } from './assemble.ts';
import { sourcesIn } from './files.ts';
import { guests } from './index.ts';

/**
 * Writes the ELF file of every guest, or of the guests named, into a folder, as `<name>.elf`. The sources come
 * from `folder`, by default this one.
 */
export async function main(
  outDir: string,
  options: { names?: readonly string[]; folder?: string } = {},
): Promise<void> {
  const { names = [], folder } = options;
  const readSource = sourcesIn(folder);
  for (const { name } of guests) {
    if (names.length > 0 && !names.includes(name)) continue;
    const path = join(outDir, `${name}.elf`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, (await buildGuest(name, readSource)).image);
  }
}
