/** Starting the built program, and small kernels for it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';

export const program = join(inject('dist'), 'cli.js');

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** Standard input; its end comes after it unless `keepOpen`. */
  readonly input?: string | Uint8Array;
  readonly keepOpen?: boolean;
  /** Told everything that standard output has shown so far. */
  onOutput?(text: string, send: (input: string) => void, kill: (signal: NodeJS.Signals) => void): void;
}

/** Runs a command to its end. */
export const start = (command: string, args: readonly string[], options: StartOptions = {}): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, TERM: 'xterm', CI: undefined } });
    let [stdout, stderr] = ['', ''];
    let killed = false;
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      stdout += text;
      options.onOutput?.(
        stdout,
        (input) => child.stdin.write(input, 'latin1'),
        (signal) => {
          // A second signal would end the program at once.
          if (!killed) child.kill(signal);
          killed = true;
        },
      );
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    // The program may end without reading what it is sent.
    child.stdin.on('error', () => {});
    child.stdin.write(options.input ?? '');
    if (!options.keepOpen) child.stdin.end();
    child.on('error', reject);
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });

/** Runs the program. */
export const ringdown = (args: readonly string[], options?: StartOptions): Promise<Ended> =>
  start(process.execPath, [program, ...args], options);

const folder = mkdtempSync(join(tmpdir(), 'ringdown-'));

/** A new file with this content. @returns its path */
export const fileWith = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const HEADER = `
.long 0x1badb002
.long 0
.long 0xe4524ffe
_start:
`;

/** A kernel from the body of its entry point, in AT&T syntax. @returns its path */
export const kernelWith = async (name: string, body: string): Promise<string> => {
  const { image } = await buildGuest(name, () => HEADER + body);
  return fileWith(`${name}.elf`, image);
};

/** A guest of the index. @returns its path */
export const guestFile = async (name: string): Promise<string> =>
  fileWith(`${name.replace('/', '-')}.elf`, (await buildGuest(name, sourcesIn())).image);

/** Writes AL to a port. */
const put = (port: number) => `mov $${port}, %dx\n outb %al, %dx\n`;

const setUart = (register: number, value: number) =>
  `mov $${0x3f8 + register}, %dx\n movb $${value}, %al\n outb %al, %dx\n`;

/** Sets COM1 to 115200 baud. */
const SETUP = `
  ${setUart(3, 0x83)}
  ${setUart(0, 1)}
  ${setUart(1, 0)}
  ${setUart(3, 3)}
`;

/** Echoes what COM1 receives until `q`; then writes 5 to the debug exit port. */
export const ECHO = `
  ${SETUP}
wait:
  mov $0x3fd, %dx
  inb %dx, %al
  testb $1, %al
  jz wait
  mov $0x3f8, %dx
  inb %dx, %al
  movb %al, %cl
ready:
  mov $0x3fd, %dx
  inb %dx, %al
  testb $0x20, %al
  jz ready
  movb %cl, %al
  ${put(0x3f8)}
  cmpb $'q', %al
  jne wait
  movl $5, %eax
  mov $0xf4, %dx
  outl %eax, %dx
stop:
  jmp stop
`;

/** The same behind a prompt. */
export const PROMPT_AND_ECHO = `
  ${SETUP}
  movb $'>', %al
  ${put(0x3f8)}
  ${ECHO}
`;

/** Writes letters to the debug console for ever. */
export const CHATTER = `
  movb $'x', %al
again:
  ${put(0xe9)}
  jmp again
`;

/** Says R and resets the machine. */
export const RESET = `
  movb $'R', %al
  ${put(0xe9)}
  movb $6, %al
  mov $0xcf9, %dx
  outb %al, %dx
stop:
  jmp stop
`;

/** Says H and halts for good. */
export const HALT = `
  movb $'H', %al
  ${put(0xe9)}
  cli
  hlt
stop:
  jmp stop
`;
