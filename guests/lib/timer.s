# The two 8259A interrupt controllers and the 8254 timer. IRQ n is vector IRQ_BASE + n.

.set IRQ_BASE, 0x20
.set PIC1, 0x20
.set PIC2, 0xa0
.set PIC_READ_REQUESTS, 0x0a        # OCW3: the next read gives the request register
.set PIC_END_OF_INTERRUPT, 0x20     # OCW2: non-specific EOI
.set PIT_CHANNEL_0, 0x40
.set PIT_COMMAND, 0x43
.set PIT_HZ, 1193182

.macro out_byte port, value
    mov $\value, %al
    outb %al, $\port
.endm

# Initialises both controllers (8259A data sheet, ICW1 to ICW4) with every line masked. The firmware's timer
# is stopped first: in mode 0 its output stays low until a count is written.
pic_initialize:
    out_byte PIT_COMMAND, 0x30
    out_byte PIC1, 0x11             # edge triggered, cascade, ICW4 follows
    out_byte PIC1 + 1, IRQ_BASE
    out_byte PIC1 + 1, 4            # the second controller is on line 2
    out_byte PIC1 + 1, 1            # 8086 mode
    out_byte PIC2, 0x11
    out_byte PIC2 + 1, IRQ_BASE + 8
    out_byte PIC2 + 1, 2
    out_byte PIC2 + 1, 1
    out_byte PIC1 + 1, 0xff
    out_byte PIC2 + 1, 0xff
    handle IRQ_BASE, count_tick
    movl $0, ticks
    ret

count_tick:
    incl ticks
    out_byte PIC1, PIC_END_OF_INTERRUPT
    ret

# Makes a timer interrupt pending and waits until the controller has seen it. IF must be clear; the request
# stays until IF is set. Clobbers EAX.
request_timer_interrupt:
    out_byte PIT_COMMAND, 0x30      # channel 0, low then high byte, mode 0: one interrupt
    out_byte PIC1 + 1, 0xfe
    out_byte PIT_CHANNEL_0, 100
    out_byte PIT_CHANNEL_0, 0
    out_byte PIC1, PIC_READ_REQUESTS
1:  inb $PIC1, %al
    test $1, %al
    jz 1b
    ret

# Starts periodic interrupts, \hz in a second (mode 2, rate generator). Clobbers EAX.
.macro start_ticking hz
    out_byte PIT_COMMAND, 0x34
    out_byte PIT_CHANNEL_0, (PIT_HZ / \hz) & 0xff
    out_byte PIT_CHANNEL_0, (PIT_HZ / \hz) >> 8
    out_byte PIC1 + 1, 0xfe
.endm

.balign 4, 0
ticks:
    .long 0
