/* Descriptor tables, exceptions and interrupts of a processor. */
#include "arch/cpu.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "core/process.h"
#include "drivers/input.h"
#include "drivers/net.h"
#include "remote/session.h"

struct frame { /* as built by interrupt_common */
    u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    u64 vector, error, rip, cs, flags, rsp, ss;
};
struct [[gnu::packed]] tss {
    u32 reserved0;
    u64 stack[3], reserved1, ist[7], reserved2;
    u16 reserved3, io_map;
};
struct gate { u16 low; u16 selector; u8 ist, type; u16 middle; u32 high, reserved; };
struct [[gnu::packed]] table { u16 limit; u64 base; };

#define VECTORS 64
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_PAGE_FAULT 14

extern const u64 interrupt_stubs[VECTORS];

/* Per CPU. fault_stack is for faults that may have no usable stack: double fault, NMI, machine check. */
static struct tables { struct tss tss; u64 gdt[7]; alignas(16) u8 fault_stack[4096]; } boot_tables;
static struct gate idt[VECTORS];
static struct cpu boot_cpu;

static void load_gdt(struct tables *tables)
{
    struct tss *tss = &tables->tss;
    u64 *gdt = tables->gdt, base = (u64)tss, limit = sizeof *tss - 1;
    gdt[1] = 0x00209a0000000000; /* kernel code */
    gdt[2] = 0x0000920000000000; /* kernel data */
    gdt[3] = 0x0000f20000000000; /* user data */
    gdt[4] = 0x0020fa0000000000; /* user code */
    gdt[5] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[6] = base >> 32;
    tss->io_map = sizeof *tss;
    tss->ist[0] = (u64)tables->fault_stack + sizeof tables->fault_stack;
    struct table pointer = { sizeof tables->gdt - 1, (u64)gdt };
    __asm__ volatile("lgdt %0; ltr %w1; mov %2, %%ds; mov %2, %%es; mov %2, %%ss" ::"m"(pointer), "r"(SELECTOR_TSS),
                     "r"(SELECTOR_KERNEL_DATA) : "memory");
}

static void load_idt(void)
{
    for (u32 v = 0; v < VECTORS; v++) {
        u64 stub = interrupt_stubs[v];
        u8 ist = v == VECTOR_DOUBLE_FAULT || v == VECTOR_NMI || v == VECTOR_MACHINE_CHECK;
        idt[v] = (struct gate){
            (u16)stub, SELECTOR_KERNEL_CODE, ist, 0x8e, (u16)(stub >> 16), (u32)(stub >> 32), 0,
        };
    }
    struct table pointer = { sizeof idt - 1, (u64)idt };
    __asm__ volatile("lidt %0" ::"m"(pointer) : "memory");
}

/* Enables SMEP, SMAP and UMIP where the CPU has them. The kernel accesses user memory through the direct map only, so
 * SMAP needs no exceptions. */
static void protect(void)
{
    u32 leaf0[4], leaf7[4];
    cpuid(0, 0, leaf0);
    if (leaf0[0] < 7)
        return;
    cpuid(7, 0, leaf7);
    write_cr4(read_cr4() | (leaf7[1] >> 7 & 1u) << 20 | (leaf7[1] >> 20 & 1u) << 21 | (leaf7[2] >> 2 & 1u) << 11);
}

bool cpu_allocate(struct cpu *cpu)
{
    return (cpu->tables = page_alloc_run(pages_for(sizeof *cpu->tables)));
}

void cpu_init(struct cpu *cpu)
{
    load_gdt(cpu->tables);
    load_idt();
    protect();
    write_msr(0xc0000081, (u64)SELECTOR_KERNEL_CODE << 32 | (u64)0x10 << 48); /* STAR */
    write_msr(0xc0000082, (u64)syscall_entry);                                 /* LSTAR */
    write_msr(0xc0000084, 0x47700);                                            /* SFMASK: TF IF DF NT AC ... */
    cpu->self = cpu;
    write_msr(0xc0000101, (u64)cpu);                                           /* GS base */
    write_msr(0xc0000102, 0);                                                  /* the user's */
}

void cpu_init_boot(void)
{
    sched_init_cpu(&boot_cpu);
    cpus[0] = &boot_cpu;
    cpu_count = 1;
    boot_cpu.tables = &boot_tables;
    cpu_init(&boot_cpu);
    lock_acquire(LOCK_KERNEL);
}

void cpu_set_stack(u64 top)
{
    struct cpu *cpu = this_cpu();
    cpu->tables->tss.stack[0] = top;
    cpu->kernel_stack = top;
}

static void timer_interrupt(void)
{
    struct thread *t = current_thread();
    t->irqs += t->irqs != 255;
    apic_end_interrupt();
    lock_acquire(LOCK_KERNEL);
    sched_timer();
    if (this_cpu()->resched)
        sched_preempt();
    kernel_leave();
}

/* Another CPU has made a thread ready for this one, or killed the current thread. */
static void reschedule_interrupt(void)
{
    struct thread *t = current_thread();
    t->irqs += t->irqs != 255;
    apic_end_interrupt();
    if (smp_postpone())
        return;
    kernel_enter();
    kernel_leave();
}

static void device_interrupt(void)
{
    input_interrupt();
    bool network = net_interrupt();
    apic_end_interrupt();
    if (!network)
        return;
    struct thread *t = current_thread();
    t->irqs += t->irqs != 255;
    lock_acquire(LOCK_KERNEL);
    remote_link_changed();
    if (this_cpu()->resched)
        sched_preempt();
    kernel_leave();
}

void interrupt(struct frame *frame)
{
    switch (frame->vector) {
    case VECTOR_TIMER: timer_interrupt(); return;
    case VECTOR_RESCHEDULE: reschedule_interrupt(); return;
    case VECTOR_REQUEST: apic_end_interrupt(); smp_answer(); return;
    case VECTOR_DEVICE: device_interrupt(); return;
    case VECTOR_RESUME: apic_end_interrupt(); return;
    case VECTOR_SPURIOUS: return;
    case VECTOR_NMI: stop_if_panicking(); break;
    }
    u64 address = frame->vector == VECTOR_PAGE_FAULT ? read_cr2() : 0;
    if (frame->cs & 3) {
        kernel_enter();
        process_fault((u32)frame->vector, frame->rip, address);
    }
    panic_format("exception:%u:rip %llx:address %llx:error %llx", (u32)frame->vector, frame->rip, address,
                 frame->error);
}
