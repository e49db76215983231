/** Non-maskable interrupts, from IOCHK# by way of ports 61h and 70h to the guest's handler and its IRET. */
import { describe, expect, test } from 'vitest';
import { buildGuest } from '../../guests/assemble.ts';
import { sourcesIn } from '../../guests/files.ts';
import { createDecoder } from '../../src/decoder/decoder.ts';
import { Machine } from '../../src/machine/machine.ts';
import { engine } from './support.ts';

/** The guest prints REQUEST to have IOCHK# asserted. IF stays clear all the time. */
const REQUEST = '!';
const SOURCE = `
.include "lib/start.s"
.include "lib/rings.s"
.set PORT_B, 0x61
.set IOCHK_DISABLE, 8

main:
    call rings_initialize
    handle 2, count
    print "!"
    check "taken with IF clear", taken, $1
    check "IOCHK# status in the handler", status, $0x40

    movl $2, requests               # the handler asks for another one
    movl $0, taken
    print "!"
    check "a second one comes", taken, $2
    check "only behind IRET", nested, $0

    mov $0x8f, %al
    outb %al, $0x70
    movl $0, taken
    print "!"
    check "disabled by port 70h", taken, $0
    mov $0x0f, %al
    outb %al, $0x70
    check "comes when port 70h lets it", taken, $1

    inb $PORT_B, %al
    or $IOCHK_DISABLE, %al
    outb %al, $PORT_B
    movl $0, taken
    print "!"
    check "disabled by port 61h", taken, $0
    inb $PORT_B, %al
    and $0xf7, %al
    outb %al, $PORT_B
    check "and lost there", taken, $0

    at_ring 3, 1f
    mov $KERNEL_CODE, %eax
    int $DONE
1:  print "!"
    check "and again", taken, $1
    jmp verdict

count:
    incl depth
    cmpl $1, depth
    je 1f
    incl nested
1:  incl taken
    xor %eax, %eax
    inb $PORT_B, %al
    and $0xc0, %al
    movl %eax, status
    inb $PORT_B, %al                # clear the status
    and $0x0f, %al
    or $IOCHK_DISABLE, %al
    outb %al, $PORT_B
    and $0xf7, %al
    outb %al, $PORT_B
    decl requests
    cmpl $1, requests
    jne 2f
    print "!"
    nop
2:  decl depth
    ret

.balign 4, 0
taken:
    .long 0
requests:
    .long 0
status:
    .long 0
depth:
    .long 0
nested:
    .long 0
`;

const decoder = await createDecoder();
const read = sourcesIn();
const { image } = await buildGuest('nmi', async (path) => (path === 'nmi.s' ? SOURCE : read(path)));

describe.each(['native', 'bt', 'hw', 'hw+nested'] as const)('%s', (technique) => {
  test('NMI', async () => {
    let text = '';
    const machine: Machine = new Machine(decoder, {
      technique,
      engine,
      memory: 16 << 20,
      cacheSize: 4 << 20,
      onSerial(_port, byte) {
        const character = String.fromCharCode(byte);
        if (character === REQUEST) machine.channelCheck();
        else text += character;
      },
    });
    machine.load({ name: 'nmi', kernel: image });
    const outcome = await machine.run();
    expect(text.split('\n').filter((line) => !line.endsWith(': ok'))).toEqual(['9 checks, 0 failed', '']);
    expect(outcome).toEqual({ kind: 'exit', status: 1 });
  });
});
