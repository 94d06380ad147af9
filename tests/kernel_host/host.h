/* The kernel's pure modules as an ordinary program: checks, and the kernel functions that the modules call. */
#ifndef HOST_H
#define HOST_H
#include "abi.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
    do { if (!(condition)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); exit(1); } } while (0)

extern char panic_reason[256];  /* of the last panic */
extern jmp_buf *panic_return;   /* target of an expected panic; NULL: a panic fails the test */

u32 host_random(u64 *seed);
void host_map(u64 bytes);       /* zeroed memory at DIRECT_BASE */

/* true: the statement panics. */
#define PANICS(statement) \
    ({ jmp_buf here; bool panicked = true; panic_return = &here; \
       if (!setjmp(here)) { statement; panicked = false; } \
       panic_return = NULL; panicked; })
#endif
