# Marks for whoever measures, on port E9h: `NAME OPERATIONS<LF>` begins a stretch, a full stop ends it.

.set MARK_PORT, 0xe9

# Begins a stretch of \operations. Both keep all registers.
.macro begin name, operations=1
    call mark_following
    .asciz "\name \operations\n"
.endm
.macro end
    push %eax
    mov $0x2e, %al                  # a full stop
    outb %al, $MARK_PORT
    pop %eax
.endm

# Puts out the string behind the call and goes on behind that.
mark_following:
    xchg %esi, (%esp)
    push %eax
1:  lodsb
    test %al, %al
    jz 2f
    outb %al, $MARK_PORT
    jmp 1b
2:  pop %eax
    xchg %esi, (%esp)
    ret
