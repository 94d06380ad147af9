/* System calls, the clock and the configuration of a client. */
#ifndef RAYOS_CLIENT_SYSCALL_H
#define RAYOS_CLIENT_SYSCALL_H
#include "abi.h"
#include <stdbool.h>
#include <stddef.h>

i64 syscall(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e);
u64 clock_ns(void);
[[noreturn]] void client_exit(void);
[[noreturn]] void client_give_up(void);  /* a resource was refused */

const struct client_config *config(void);
const struct image_event *config_events(void);
const u64 *think_table(void);
const u64 *gap_table(void);

[[noreturn]] void client_main(void);
[[noreturn]] void stress_main(void); /* stress.c */
#endif
