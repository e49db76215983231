/** Operand and result files of Berkeley TestFloat, in an archive beside the other oracles. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { FpuStatus } from '../../src/x86/fpu.ts';

const oracle = process.env.RINGDOWN_ORACLE;
const archive = `${oracle}/third-party/testfloat-sample.tgz`;

/** Whether RINGDOWN_ORACLE names a folder that holds the files. */
export const haveTestFloat = oracle !== undefined && existsSync(archive);

/** The files of a tar archive, by name. */
const untar = (tar: Buffer): Map<string, string> => {
  const files = new Map<string, string>();
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0; ) {
    const name = tar
      .toString('latin1', at, at + 100)
      .replace(/\0.*$/, '')
      .replace(/^\.\//, '');
    const size = parseInt(tar.toString('latin1', at + 124, at + 136), 8);
    if (size > 0) files.set(name, tar.toString('latin1', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
};

/** All files, by name; none without the archive. */
export const testFloatFiles = (): Map<string, string> =>
  haveTestFloat ? untar(gunzipSync(readFileSync(archive))) : new Map();

/** The files' exception bits. @param status IE to PE as the status word and MXCSR have them */
export const testFloatFlags = (status: number): number =>
  (status & FpuStatus.IE ? 16 : 0) |
  (status & FpuStatus.ZE ? 8 : 0) |
  (status & FpuStatus.OE ? 4 : 0) |
  (status & FpuStatus.UE ? 2 : 0) |
  (status & FpuStatus.PE ? 1 : 0);

/** Rounding control by the files' word for it. */
export const testFloatRounding: Readonly<Record<string, number>> = {
  near_even: 0,
  min: 1,
  max: 2,
  minMag: 3,
};
