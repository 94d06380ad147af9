/* Reacts to input as `input` does, and then has unsaved work; asked to close, it saves that before it leaves. */
#include "client.h"

static bool unsaved;
static u64 saved = NEVER;                      /* when what it saves is safe */

static void event(u64 now)
{
    unsaved = true;
    input.input(now);
}

static void close(u64 now)
{
    saved = unsaved ? now + random_quantile(&think, think_table()) : now;
}

static u64 due(void) { return saved < input.due() ? saved : input.due(); }

static void act(void)
{
    if (saved <= input.due())
        leaving = true;
    else
        input.act();
}

const struct behaviour editor = {.input = event, .due = due, .act = act, .close = close};
