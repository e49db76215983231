/** The vector format: one test a line, request, tab, answer; `key=value` tokens, numbers in hexadecimal. */

export type Tokens = ReadonlyMap<string, string>;

export interface Vector {
  readonly request: Tokens;
  readonly answer: Tokens;
}

const tokens = (text: string): Tokens =>
  new Map(
    text
      .trim()
      .split(' ')
      .slice(1)
      .map((t) => {
        const at = t.indexOf('=');
        return [t.slice(0, at), t.slice(at + 1)] as const;
      }),
  );

/** @throws Error naming the line when it is not a vector */
export const parseVectors = (text: string): Vector[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      const [request, answer] = line.split('\t');
      if (!request?.startsWith('T ') || !answer?.startsWith('R '))
        throw new Error(`line ${i + 1} is not a test vector`);
      return { request: tokens(request), answer: tokens(answer) };
    });

/** A hexadecimal token as an unsigned number. */
export const hex = (t: Tokens, key: string, fallback = 0): number => {
  const v = t.get(key);
  return v === undefined ? fallback : Number.parseInt(v, 16);
};

/** A run of hexadecimal digits as bytes. */
export const bytesOf = (digits: string): Uint8Array =>
  Uint8Array.from({ length: digits.length >> 1 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));

/** `a:b:c,a:b:c` as lists. */
export const lists = (v: string | undefined): string[][] =>
  v === undefined || v === '' ? [] : v.split(',').map((e) => e.split(':'));
