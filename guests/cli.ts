/** `npm run guests`: writes every guest of this folder as an ELF file. */
import { main } from './build.ts';

await main('.guests');
