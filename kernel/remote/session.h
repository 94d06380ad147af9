/* The remote display session. */
#ifndef RAYOS_SESSION_H
#define RAYOS_SESSION_H

void remote_init(void);                         /* no effect in a scenario without a network */
void remote_start(void);                        /* the clock starts */
void remote_link_changed(void);                 /* the link may have changed; under LOCK_KERNEL */
#endif
