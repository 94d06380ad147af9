/* A binary heap from index 1, ordered by (deadline, thread id): not a list, because the order is by time and a thread
 * leaves from anywhere. A thread knows its index, so adding and removing are logarithmic. */
#include "core/sleeper.h"

static bool sooner(const struct thread *a, const struct thread *b)
{
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->id < b->id;
}

static void sleeper_place(struct cpu *cpu, struct thread *t, u32 at)
{
    cpu->sleepers[at] = t;
    t->sleeper = at;
}

static void sleeper_up(struct cpu *cpu, struct thread *t, u32 at)
{
    for (; at > 1 && sooner(t, cpu->sleepers[at / 2]); at /= 2)
        sleeper_place(cpu, cpu->sleepers[at / 2], at);
    sleeper_place(cpu, t, at);
}

static void sleeper_down(struct cpu *cpu, struct thread *t, u32 at)
{
    for (u32 child; (child = at * 2) <= cpu->sleeper_count; at = child) {
        if (child < cpu->sleeper_count && sooner(cpu->sleepers[child + 1], cpu->sleepers[child]))
            child++;
        if (!sooner(cpu->sleepers[child], t))
            break;
        sleeper_place(cpu, cpu->sleepers[child], at);
    }
    sleeper_place(cpu, t, at);
}

void sleeper_add(struct thread *t)
{
    sleeper_up(t->cpu, t, ++t->cpu->sleeper_count);
}

void sleeper_remove(struct thread *t)
{
    struct cpu *cpu = t->cpu;
    u32 at = t->sleeper;
    t->sleeper = 0;
    struct thread *last = cpu->sleepers[cpu->sleeper_count--];
    if (last == t)
        return;
    if (at > 1 && sooner(last, cpu->sleepers[at / 2]))
        sleeper_up(cpu, last, at);
    else
        sleeper_down(cpu, last, at);
}

struct thread *sleeper_due(const struct cpu *cpu, u64 now)
{
    return cpu->sleeper_count && cpu->sleepers[1]->deadline_ns <= now ? cpu->sleepers[1] : NULL;
}

u8 sched_sleepers(void)
{
    u32 count = this_cpu()->sleeper_count;
    return count > 255 ? 255 : (u8)count;
}
