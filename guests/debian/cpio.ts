/**
 * Archives in cpio's "newc" format, as the Linux kernel unpacks them into its initial file system (kernel
 * documentation, "initramfs buffer format"). The result depends on the entries only: no times, no owners.
 */

interface Node {
  /** Path without a leading slash. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
}
export interface Directory extends Node {
  readonly type: 'directory';
}
export interface File extends Node {
  readonly type: 'file';
  readonly bytes: Uint8Array;
}
export interface Link extends Node {
  readonly type: 'link';
  readonly target: string;
}
export interface CharacterDevice extends Node {
  readonly type: 'character device';
  readonly major: number;
  readonly minor: number;
}
/** Parents must come before what they hold. */
export type Entry = Directory | File | Link | CharacterDevice;

/** The file type bits of st_mode. */
const typeBits = {
  directory: 0o040000,
  file: 0o100000,
  link: 0o120000,
  'character device': 0o020000,
} as const;

const TRAILER = 'TRAILER!!!';
const HEADER_SIZE = 110;
const encoder = new TextEncoder();

/** @returns the archive, ended by its trailer */
export const writeCpio = (entries: readonly Entry[]): Uint8Array => {
  const parts = entries.map((entry, index) => member(entry.path, index + 1, entry));
  parts.push(member(TRAILER, 0, undefined));
  const archive = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    archive.set(part, at);
    at += part.length;
  }
  return archive;
};

const padded = (size: number): number => (size + 3) & ~3;

const contents = (entry: Entry | undefined): Uint8Array => {
  if (entry?.type === 'file') return entry.bytes;
  if (entry?.type === 'link') return encoder.encode(entry.target);
  return new Uint8Array(0);
};

/** Header, name and contents, the last two padded to a multiple of four bytes from the start. */
const member = (path: string, inode: number, entry: Entry | undefined): Uint8Array => {
  const name = encoder.encode(`${path}\0`);
  const body = contents(entry);
  const device = entry?.type === 'character device' ? entry : { major: 0, minor: 0 };
  const fields = [
    inode,
    entry ? typeBits[entry.type] | entry.mode : 0,
    0, // owner
    0, // group
    entry?.type === 'directory' ? 2 : 1, // links
    0, // modification time
    body.length,
    0, // device that holds the file
    0,
    device.major,
    device.minor,
    name.length,
    0, // checksum, which this format does not use
  ];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  const bodyOffset = padded(HEADER_SIZE + name.length);
  const bytes = new Uint8Array(padded(bodyOffset + body.length));
  bytes.set(encoder.encode(header));
  bytes.set(name, HEADER_SIZE);
  bytes.set(body, bodyOffset);
  return bytes;
};
