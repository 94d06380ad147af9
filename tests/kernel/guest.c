/* A guest of one page that misbehaves on order (MODE), so that each detector of the QEMU session is seen to work.
 * 32-bit, no paging: PVH's entry state is all it needs. Compiled by test_session.py. */
#include "abi.h"

asm(".section .note.pvh,\"a\",@note\n.long 4, 4, 18\n.asciz \"Xen\"\n.long start\n.previous\n"
    ".text\n.globl start\nstart: cli\nmovl $stack_top, %esp\ncall guest\n1: hlt\njmp 1b\n"
    ".bss\n.balign 16\n.space 8192\nstack_top:\n.text\n");

enum mode { BOOT_HANG, SILENT, GARBAGE, RING, PANIC, FLOOD, LOST, RESET, OTHER_ABI, UNCAUSED_PANIC, SPIN, SLOW,
    EARLY_PANIC, MUTE_PANIC, OVERRUN };

#define RING_RECORDS 1024u
static struct trace_record ring[RING_RECORDS] __attribute__((aligned(4096)));
static volatile struct trace_header *const header = (void *)TRACE_HEADER_PHYS;

static void out(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory"); }

static void print(const char *text) {
    for (; *text; text++) {
        if (*text == '\n')
            out(0x3f8, '\r');
        out(0x3f8, *text);
    }
}

static void rendezvous(u32 state) {
    header->state = state;
    out(0x505, 1);
    header->drained = header->head;
}

static void keep(u32 count) {
    for (; count; count--) {
        struct trace_record *record = &ring[header->head % RING_RECORDS];
        record->time_ns = header->head * 1000;
        record->arg = ~header->head;
        record->kind = M_FLIP;
        header->head++;
    }
}

__attribute__((noreturn)) static void stop(void) {
    for (;;)
        asm volatile("cli; hlt");
}

void guest(void);
void guest(void) {
    if (MODE == BOOT_HANG)
        stop();
    print("RAYOS_BOOT\n");
    if (MODE == SILENT)
        stop();
    if (MODE == SPIN)
        for (;;)
            asm volatile("");
    if (MODE == EARLY_PANIC) {
        print("RAYOS_PANIC:early\n");
        rendezvous(STATE_PANIC);
    }
    header->magic = MODE == GARBAGE ? 0x1122334455667788ull : TRACE_MAGIC;
    header->abi_version = MODE == OTHER_ABI ? ABI_VERSION + 1 : ABI_VERSION;
    header->record_bytes = sizeof(struct trace_record);
    header->ring_phys = (u32)ring;
    header->ring_records = RING_RECORDS;
    header->head = header->drained = 0;
    header->framebuffer_phys = header->framebuffer_width = header->framebuffer_height = 0;
    header->lost = MODE == LOST ? 3 : 0;
    if (MODE == RESET) {
        static const struct { u16 limit; u32 base; } __attribute__((packed)) no_idt = {0, 0};
        asm volatile("lidt %0; int $3" : : "m"(no_idt));
    }
    if (MODE == MUTE_PANIC) {
        print("RAYOS_PANIC:mute\n");
        stop();
    }
    while (MODE == SLOW) { /* overruns nobody: the host only looks at head */
        for (volatile u32 wait = 0; wait < 10000000; wait++)
            ;
        header->head++;
    }
    if (MODE == OVERRUN)
        keep(2000);
    if (MODE == FLOOD) {
        for (u32 line = 0; line < 30000; line++)
            print("0123456789012345678901234567890123456789\n");
    }
    for (u32 round = 0; round < 100; round++) { /* 700 does not divide 1024: the drained range wraps */
        keep(700);
        rendezvous(STATE_RUNNING);
    }
    if (MODE == PANIC)
        print("RAYOS_PANIC:heap:red zone of a surface\n");
    if (MODE == PANIC || MODE == UNCAUSED_PANIC)
        rendezvous(STATE_PANIC);
    print("RAYOS_SOAK:COMPLETE:pass\n");
    rendezvous(STATE_DONE);
    stop();
}
