import { spawnSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Entry, writeCpio } from '../../guests/debian/cpio.ts';
import { BANNER, buildInitramfs } from '../../guests/debian/initramfs.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

/** Reads an archive back by the kernel's description of the format. */
const parse = (archive: Uint8Array) => {
  const members = [];
  const padded = (size: number) => Math.ceil(size / 4) * 4;
  for (let at = 0; at < archive.length; ) {
    const text = new TextDecoder().decode(archive.subarray(at, at + 110));
    expect(text.slice(0, 6)).toBe('070701');
    const fields = Array.from({ length: 13 }, (_, i) =>
      Number.parseInt(text.slice(6 + 8 * i, 14 + 8 * i), 16),
    );
    const [, mode, , , links, time, size, , , major, minor, nameSize] = fields;
    const path = new TextDecoder().decode(archive.subarray(at + 110, at + 110 + nameSize - 1));
    expect(archive[at + 110 + nameSize - 1]).toBe(0);
    const body = padded(at + 110 + nameSize);
    members.push({ path, mode, links, time, major, minor, data: archive.slice(body, body + size) });
    at = padded(body + size);
  }
  return members;
};

const entries: Entry[] = [
  { type: 'directory', path: 'dev', mode: 0o755 },
  { type: 'character device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { type: 'file', path: 'init', mode: 0o755, bytes: bytes('hello') },
  { type: 'file', path: 'empty', mode: 0o4711, bytes: bytes('') },
  { type: 'link', path: 'sh', mode: 0o777, target: 'bin/busybox' },
];

describe('cpio archives', () => {
  it('hold every entry and a trailer', () => {
    const node = { time: 0, major: 0, minor: 0, links: 1 };
    expect(parse(writeCpio(entries))).toEqual([
      { ...node, path: 'dev', mode: 0o040755, links: 2, data: bytes('') },
      { ...node, path: 'dev/console', mode: 0o020600, major: 5, minor: 1, data: bytes('') },
      { ...node, path: 'init', mode: 0o100755, data: bytes('hello') },
      { ...node, path: 'empty', mode: 0o104711, data: bytes('') },
      { ...node, path: 'sh', mode: 0o120777, data: bytes('bin/busybox') },
      { ...node, path: 'TRAILER!!!', mode: 0, data: bytes('') },
    ]);
  });

  const hasCpio = spawnSync('cpio', ['--version']).status === 0;
  it.runIf(hasCpio)('are what cpio reads', () => {
    const { stdout, status } = spawnSync('cpio', ['-itv', '--quiet'], {
      input: writeCpio(entries),
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    });
    expect(status).toBe(0);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' '));
    expect(lines).toEqual([
      'drwxr-xr-x 2 root root 0 Jan 1 1970 dev',
      'crw------- 1 root root 5, 1 Jan 1 1970 dev/console',
      '-rwxr-xr-x 1 root root 5 Jan 1 1970 init',
      '-rws--x--x 1 root root 0 Jan 1 1970 empty',
      'lrwxrwxrwx 1 root root 11 Jan 1 1970 sh -> bin/busybox',
    ]);
  });
});

describe('the initial file system', () => {
  const busybox = bytes('busybox');
  it('has an executable /init, BusyBox and a console', () => {
    const members = new Map(
      parse(new Uint8Array(gunzipSync(buildInitramfs(busybox)))).map((member) => [member.path, member]),
    );
    expect(members.get('bin/busybox')).toMatchObject({ mode: 0o100755, data: busybox });
    expect(members.get('dev/console')).toMatchObject({ mode: 0o020600, major: 5, minor: 1 });
    const init = members.get('init');
    expect(init?.mode).toBe(0o100755);
    const script = new TextDecoder().decode(init?.data);
    expect(script.startsWith('#!/bin/busybox sh\n')).toBe(true);
    expect(script).toContain(`echo "${BANNER}$(uname -r).`);
    for (const path of ['proc', 'sys', 'dev', 'bin']) expect(members.get(path)?.mode).toBe(0o040755);
  });
  it('is the same every time', () => {
    expect(buildInitramfs(busybox)).toEqual(buildInitramfs(busybox));
    // The gzip header's time stamp.
    expect([...buildInitramfs(busybox).subarray(4, 8)]).toEqual([0, 0, 0, 0]);
  });
});
