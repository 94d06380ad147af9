/* The address map, and x86 instructions as inline functions. No policy. */
#ifndef RAYOS_X86_H
#define RAYOS_X86_H
#include "abi.h"

#define PAGE_BYTES 4096ull
#define PAGE_SHIFT 12

/* Address map. User: abi.h. Kernel, shared by every address space:
 *   DIRECT_BASE   all RAM, read-write, never executable (kernel text and constants read-only)
 *   WINDOW_BASE   the window: kernel stacks and shared memory, a guard page after each
 *   DEVICE_BASE   local APIC, virtio transports, their I/O APIC; uncached
 *   KERNEL_BASE   the kernel image: text RX, constants R, data RW */
#ifndef DIRECT_BASE /* tests on the host set another one */
#define DIRECT_BASE 0xffff800000000000ull
#endif
#define WINDOW_BASE 0xffffc00000000000ull
#define DEVICE_BASE 0xffffffffc0000000ull
#define VIRTIO_BASE (DEVICE_BASE + PAGE_BYTES)
#define IO_APIC_BASE (VIRTIO_BASE + VIRTIO_PAGES * PAGE_BYTES)
#define KERNEL_BASE 0xffffffff80000000ull
#define USER_END 0x7ffff000ull

#define APIC_PHYSICAL 0xfee00000ull
#define VIRTIO_PHYSICAL 0xfeb00000ull /* QEMU's microvm: 24 transports of 512 bytes */
#define VIRTIO_PAGES 3
#define IO_APIC_PHYSICAL 0xfec10000ull /* the second one, which serves the transports */
#define VIRTIO_TRANSPORT_BYTES 512

#define SELECTOR_KERNEL_CODE 0x08
#define SELECTOR_KERNEL_DATA 0x10
#define SELECTOR_USER_DATA 0x1b
#define SELECTOR_USER_CODE 0x23
#define SELECTOR_TSS 0x28

#define FLAGS_IF (1u << 9)

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
static inline void out32(u16 port, u32 value) { __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port) : "memory"); }
static inline u8 in8(u16 port) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }

static inline u64 read_tsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline u64 read_cr2(void) { u64 v; __asm__ volatile("movq %%cr2, %0" : "=r"(v)); return v; }
static inline u64 read_cr3(void) { u64 v; __asm__ volatile("movq %%cr3, %0" : "=r"(v)); return v; }
static inline u64 read_cr4(void) { u64 v; __asm__ volatile("movq %%cr4, %0" : "=r"(v)); return v; }
static inline void write_cr3(u64 v) { __asm__ volatile("movq %0, %%cr3" ::"r"(v) : "memory"); }
static inline void write_cr4(u64 v) { __asm__ volatile("movq %0, %%cr4" ::"r"(v) : "memory"); }
static inline void flush_all(void) { write_cr3(read_cr3()); }
static inline void flush_page(u64 address) { __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory"); }

static inline void write_msr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 read_msr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void cpuid(u32 leaf, u32 subleaf, u32 out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(subleaf));
}

#ifdef RAYOS_HOST /* pure modules under test: there are no interrupts */
static inline void interrupts_off(void) {}
static inline void interrupts_on(void) {}
static inline u64 read_flags(void) { return 0; }
#else
static inline void interrupts_off(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void interrupts_on(void) { __asm__ volatile("sti" ::: "memory"); }
/* Turns interrupts on and halts; no wake-up can be missed in between. */
static inline void halt(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
/* One iteration of a spin loop. */
static inline void relax(void) { __asm__ volatile("pause" ::: "memory"); }
static inline u64 read_flags(void) { u64 f; __asm__ volatile("pushfq; popq %0" : "=r"(f)::"memory"); return f; }
#endif
#endif
