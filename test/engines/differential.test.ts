/**
 * Random programs leave the same state whether an engine runs them in whole blocks or the reference engine
 * steps through them. RINGDOWN_SEED and RINGDOWN_CASES choose others than usual.
 */
import { describe, expect, test } from 'vitest';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Duelist, type DuelMode, difference, modes } from './duel.ts';
import { Random, randomProgram } from './random-programs.ts';
import { engine } from './support.ts';

const SEED = Number(process.env.RINGDOWN_SEED ?? 1);
const CASES = Number(process.env.RINGDOWN_CASES ?? 250);
const PROGRAM_LENGTH = 12;
const INSTRUCTIONS = 100;

const decoder = await createDecoder();
const whole = new Duelist(engine, decoder);
const stepped = new Duelist('reference', decoder);

/** Runs one case both ways. @returns what differs, with what is needed to run it again */
const duel = (mode: DuelMode, seed: number): string | undefined => {
  const program = randomProgram(new Random(seed), decoder, PROGRAM_LENGTH, mode);
  for (let instructions = INSTRUCTIONS, found: string | undefined; ; instructions--) {
    const actual = whole.run(program, instructions, instructions);
    const expected = stepped.run(program, instructions, 1);
    const now = difference(actual, expected);
    // Fewer instructions show the same difference nearer to where it arises.
    if (now === undefined || instructions === 1)
      return (
        (now ?? found) &&
        `${mode} seed ${seed} code ${Buffer.from(program.code).toString('hex')}: ${now ?? found}`
      );
    found = `after ${instructions} instructions: ${now}`;
  }
};

describe('random programs', () => {
  test.each(modes)('%s', (mode) => {
    const differences: string[] = [];
    for (let i = 0; i < CASES && differences.length < 5; i++) {
      const found = duel(mode, SEED * 1_000_000 + i);
      if (found) differences.push(found);
    }
    expect(differences).toEqual([]);
  });
});
