/* Pipes of PIPE_BYTES, with one blocked reader and one blocked writer at most. Under LOCK_KERNEL. */
#ifndef RAYOS_PIPE_H
#define RAYOS_PIPE_H
#include "core/kernel.h"

struct pipe;
struct process;
struct pipe *pipe_create(void);                 /* one reference to each end */
void pipe_reference(struct pipe *pipe, bool write_end);
void pipe_release(struct pipe *pipe, bool write_end);
void pipe_forget(struct pipe *pipe, const struct process *p); /* p no longer waits */
i64 pipe_read(struct process *p, struct pipe *pipe, u64 buffer, u64 bytes);
i64 pipe_write(struct process *p, struct pipe *pipe, u64 buffer, u64 bytes);
#endif
