/* Entry from the PVH loader (32-bit, paging off, EBX = start_info) to kernel_main in the high half.
 * The tables made here map the first GiB at 0, DIRECT_BASE and KERNEL_BASE, all writable; they last until memory_init
 * has built the real ones. */
#define KERNEL_BASE 0xffffffff80000000
#define PHYS(symbol) ((symbol) - KERNEL_BASE)

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long PHYS(boot_entry)

    .section .text.boot, "ax", @progbits
    .code32
    .globl boot_entry
boot_entry:
    cli
    cld
    movl $PHYS(boot_stack_top), %esp
    movl $PHYS(boot_pd), %edi
    movl $0x83, %eax                    /* present, writable, 2 MiB */
    movl $512, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    movl $PHYS(boot_pd) + 3, %eax
    movl %eax, PHYS(boot_pdpt_low)
    movl %eax, PHYS(boot_pdpt_high) + 510 * 8
    movl $PHYS(boot_pdpt_low) + 3, %eax
    movl %eax, PHYS(boot_pml4)
    movl %eax, PHYS(boot_pml4) + 256 * 8
    movl $PHYS(boot_pdpt_high) + 3, PHYS(boot_pml4) + 511 * 8

    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl $0x620, %eax                   /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx              /* EFER: SCE, LME, NXE */
    movl $0x901, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax              /* PG, WP, NE, ET, MP, PE; EM clear: SSE usable */
    movl %eax, %cr0
    lgdt PHYS(boot_gdt_pointer)
    ljmp $8, $PHYS(boot_long)

    .code64
boot_long:
    movabsq $boot_high, %rax
    jmp *%rax
boot_high:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    movl %ebx, %edi
    xorl %ebp, %ebp
    call kernel_main
    ud2

/* Start of a further processor, in real mode. It is copied to TRAMPOLINE (smp.c), so addresses are relative to that.
 * Uses the boot tables, which map the first GiB at 0, until it runs in the high half. */
#define TRAMPOLINE 0x8000
#define COPIED(symbol) ((symbol) - trampoline + TRAMPOLINE)

    .section .rodata.trampoline, "a", @progbits
    .code16
    .globl trampoline, trampoline_end
trampoline:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl COPIED(trampoline_gdt_pointer)
    movl $0x11, %eax                    /* PE */
    movl %eax, %cr0
    ljmpl $0x18, $COPIED(trampoline_32)
    .code32
trampoline_32:
    movw $0x10, %ax
    movw %ax, %ds
    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl $0x620, %eax                   /* as in boot_entry */
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    movl $0x901, %eax
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    ljmp $8, $COPIED(trampoline_64)
    .code64
trampoline_64:
    movabsq $ap_high, %rax
    jmp *%rax
    .balign 8
trampoline_gdt:
    .quad 0, 0x00209a0000000000, 0x00cf92000000ffff, 0x00cf9a000000ffff
trampoline_gdt_pointer:
    .word 31
    .long COPIED(trampoline_gdt)
trampoline_end:

    .text
ap_high:                                /* struct ap_start of smp.h: root, stack, cpu */
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movq ap_start(%rip), %rax
    movq %rax, %cr3
    movq ap_start + 8(%rip), %rsp
    movq ap_start + 16(%rip), %rdi
    xorl %ebp, %ebp
    call smp_main
    ud2

    .section .rodata.boot, "a", @progbits
    .balign 8
boot_gdt:
    .quad 0, 0x00209a0000000000
boot_gdt_pointer:
    .word 15
    .long PHYS(boot_gdt)

    .section .bss.page, "aw", @nobits
    .balign 4096
boot_pml4:      .skip 4096
boot_pdpt_low:  .skip 4096
boot_pdpt_high: .skip 4096
boot_pd:        .skip 4096
    .globl boot_stack_guard, boot_stack_top
boot_stack_guard: .skip 4096            /* left unmapped */
    .skip 16384
boot_stack_top:
