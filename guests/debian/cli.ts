import { main } from './fetch.ts';

process.exitCode = await main(process.argv.slice(2));
