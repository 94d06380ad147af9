/* Handles: a process's small integers for shared memory and pipe ends. Each owns one reference. */
#ifndef RAYOS_HANDLE_H
#define RAYOS_HANDLE_H
#include "core/kernel.h"

struct process;
struct handle { enum { HANDLE_NONE, HANDLE_SHM, HANDLE_PIPE_READ, HANDLE_PIPE_WRITE } type; void *object; };

void handle_drop(struct handle *handle); /* releases the reference */
struct handle handle_duplicate(const struct handle *handle); /* takes another reference */
int handle_install(struct process *p, struct handle handle); /* its index, or -E_FULL; takes over the reference */
struct handle *handle_find(struct process *p, u64 index, int type); /* type HANDLE_NONE: any; NULL: no such handle */
#endif
