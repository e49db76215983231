# The first bytes of every guest: the Multiboot header and the way to `main`.
#
# Memory map (physical; paging is off until a guest turns it on):
#   0x001000  low memory, used by guests that enter real mode or place code there
#   0x100000  this image
#   0x1f0000  top of the boot stack; 0x1f8000 top of the stack for interrupts from outer rings;
#   0x1fc000  top of the stack of code in rings 1 to 3
#   0x200000  page tables and scratch memory of the guest

.set boot_stack_top, 0x1f0000
.set interrupt_stack_top, 0x1f8000
.set ring_stack_top, 0x1fc000
.set memory_end, 0x200000

# Multiboot 0.6.96, section 3.1: magic, flags, and what makes the sum zero. The ELF header says the rest.
.set MULTIBOOT_MAGIC, 0x1badb002
multiboot_header:
    .long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

_start:
    cli                             # the loader leaves IF clear; be sure
    cld
    mov $boot_stack_top, %esp
    mov $0xff, %al                  # the firmware's timer may still run: mask both interrupt controllers
    outb %al, $0x21
    outb %al, $0xa1
    call serial_initialize
    call load_descriptor_tables
    call main                       # returns with EAX = 0 for success
    jmp exit

# Ends the run with the status EAX: 0 success, anything else failure. QEMU's isa-debug-exit device makes
# its own exit code of it, (status << 1) | 1. Does not return.
.set DEBUG_EXIT_PORT, 0xf4
exit:
    mov $DEBUG_EXIT_PORT, %edx
    out %eax, %dx
1:  cli                             # no such device: stop here
    hlt
    jmp 1b

.include "lib/serial.s"
.include "lib/descriptors.s"
