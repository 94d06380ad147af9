/* Entry to and exit from the kernel: interrupts, system calls, the context switch between threads.
 * GS base: struct cpu while in the kernel, the user's (0) while in ring 3. Offsets are asserted in core/sched.h. */
#define CPU_KERNEL_STACK 8
#define CPU_USER_STACK 16
#define THREAD_STACK 0
#define THREAD_FX 16

    .text

/* One stub a vector: error code (or 0) and vector on the stack, then the common path. */
    .altmacro
    .macro STUB vector
stub_\vector:
    .if !((\vector >= 10 && \vector <= 14) || \vector == 8 || \vector == 17 || \vector == 21)
    pushq $0
    .endif
    pushq $\vector
    jmp interrupt_common
    .endm
    .set vector, 0
    .rept 64
    STUB %vector
    .set vector, vector + 1
    .endr

interrupt_common:                       /* builds struct frame of cpu.c */
    testb $3, 24(%rsp)
    jz 1f
    swapgs
1:  pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    cld
    call interrupt
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    testb $3, 24(%rsp)
    jz 2f
    swapgs
2:  addq $16, %rsp
    iretq

/* Interrupts are off from here to sysretq (SFMASK). rcx and r11 hold the user's rip and rflags. */
    .globl syscall_entry
syscall_entry:
    swapgs
    movq %rsp, %gs:CPU_USER_STACK
    movq %gs:CPU_KERNEL_STACK, %rsp
    pushq %gs:CPU_USER_STACK
    pushq %r11
    pushq %rcx
    pushq %rdi                          /* all but rax, rcx and r11 survive a call */
    pushq %rsi
    pushq %rdx
    pushq %r10
    pushq %r8
    pushq %r9
    subq $8, %rsp                       /* the stack stays aligned */
    movq %r10, %rcx
    movq %rax, %r9
    call syscall
    addq $8, %rsp
    popq %r9
    popq %r8
    popq %r10
    popq %rdx
    popq %rsi
    popq %rdi
    popq %rcx
    popq %r11
    popq %rsp
    swapgs
    sysretq

/* void user_enter(u64 entry, u64 stack): first entry to ring 3, all registers clear. */
    .globl user_enter
user_enter:
    movq %rdi, %rcx
    movq %rsi, %rsp
    movl $0x202, %r11d
    xorl %eax, %eax
    xorl %ebx, %ebx
    xorl %edx, %edx
    xorl %esi, %esi
    xorl %edi, %edi
    xorl %ebp, %ebp
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    swapgs
    sysretq

/* void thread_switch(struct thread *from, struct thread *to): returns when `from` is switched to again. */
    .globl thread_switch
thread_switch:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    fxsave64 THREAD_FX(%rdi)
    movq %rsp, THREAD_STACK(%rdi)
    movq THREAD_STACK(%rsi), %rsp
    fxrstor64 THREAD_FX(%rsi)
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

/* The first return address of a new thread: its function is in rbx, the argument in rbp. */
    .globl thread_start
thread_start:
    movq %rbp, %rdi
    call *%rbx
    ud2

/* void zero_pages(void *page, u64 pages): saves and restores xmm0; a context switch in between preserves it. */
    .globl zero_pages
zero_pages:
    subq $24, %rsp
    movups %xmm0, (%rsp)
    pxor %xmm0, %xmm0
    shlq $4, %rsi
1:  .set offset, 0
    .rept 16
    movaps %xmm0, offset(%rdi)
    .set offset, offset + 16
    .endr
    addq $256, %rdi
    decq %rsi
    jnz 1b
    movups (%rsp), %xmm0
    addq $24, %rsp
    ret

    .section .rodata
    .globl interrupt_stubs
    .balign 8
interrupt_stubs:
    .macro ADDRESS vector
    .quad stub_\vector
    .endm
    .set vector, 0
    .rept 64
    ADDRESS %vector
    .set vector, vector + 1
    .endr
