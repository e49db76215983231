/** `npm run guests`: writes the ELF file of every guest of this folder, as `.guests/<name>.elf`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { buildGuest } from './assemble.ts';
import { sourcesIn } from './files.ts';
import { guests } from './index.ts';

const readSource = sourcesIn();
for (const { name } of guests) {
  const path = join('.guests', `${name}.elf`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, (await buildGuest(name, readSource)).image);
}
