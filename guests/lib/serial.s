# Text output over the first serial port (NS16550A data sheet: registers by offset from the base).

.set COM1, 0x3f8
.set UART_DATA, COM1                # transmit holding register; divisor low byte while DLAB is set
.set UART_INTERRUPT_ENABLE, COM1 + 1
.set UART_FIFO_CONTROL, COM1 + 2
.set UART_LINE_CONTROL, COM1 + 3
.set UART_MODEM_CONTROL, COM1 + 4
.set UART_LINE_STATUS, COM1 + 5

# Writes the byte \value to the port \port; clobbers EAX and EDX.
.macro write_port port, value
    mov $\port, %edx
    mov $\value, %al
    out %al, %dx
.endm

serial_initialize:
    write_port UART_INTERRUPT_ENABLE, 0
    write_port UART_LINE_CONTROL, 0x80  # DLAB
    write_port UART_DATA, 1             # 115200 baud
    write_port UART_INTERRUPT_ENABLE, 0
    write_port UART_LINE_CONTROL, 3     # 8 bits, no parity, 1 stop bit; DLAB clear
    write_port UART_FIFO_CONTROL, 7     # enable and clear the FIFOs
    write_port UART_MODEM_CONTROL, 3    # DTR, RTS
    ret

# Prints the character AL. Keeps all registers.
print_character:
    push %edx
    push %eax
    mov $UART_LINE_STATUS, %edx
1:  in %dx, %al
    test $0x20, %al                 # transmit holding register empty
    jz 1b
    pop %eax
    mov $UART_DATA, %edx
    out %al, %dx
    pop %edx
    ret

# Prints the zero-terminated string at ESI and leaves ESI behind its zero. Keeps the other registers.
print_string:
    push %eax
1:  lodsb
    test %al, %al
    jz 2f
    call print_character
    jmp 1b
2:  pop %eax
    ret

# Prints the string that follows the call; keeps all registers and the flags' IF.
print_following:
    xchg %esi, (%esp)
    call print_string
    xchg %esi, (%esp)
    ret

.macro print text
    call print_following
    .asciz \text
.endm

# Prints EAX as eight hexadecimal digits. Keeps all registers.
print_hexadecimal:
    pushal
    mov %eax, %ebx
    mov $8, %ecx
1:  rol $4, %ebx
    mov %bl, %al
    and $15, %al
    cmp $10, %al
    sbb $0x69, %al                  # the digit's ASCII code, by decimal adjust
    das
    call print_character
    loop 1b
    popal
    ret

# Prints EAX as an unsigned decimal number. Keeps all registers.
print_decimal:
    pushal
    mov $10, %ebx
    xor %ecx, %ecx
1:  xor %edx, %edx
    div %ebx
    push %edx
    inc %ecx
    test %eax, %eax
    jnz 1b
2:  pop %eax
    add $'0', %al
    call print_character
    loop 2b
    popal
    ret
