# A triple fault on purpose (SDM vol. 3, section 6.15, interrupt 8): with no usable IDT, the exception, the
# double fault and then nothing can be delivered, and the processor shuts down.
.include "lib/start.s"

main:
    print "about to triple-fault\n"
    lidtl no_vectors
    ud2
    print "still running\n"
    mov $1, %eax
    ret

no_vectors:
    .word 0
    .long 0
