/* A hostile client. */
#ifndef RAYOS_CLIENT_HOSTILE_H
#define RAYOS_CLIENT_HOSTILE_H
enum {
    HOSTILE_CALLS = 32,      /* system calls with wild arguments */
    HOSTILE_MESSAGES = 50,   /* messages: all but the last are unusual but valid */
    HOSTILE_TRIES = 64,      /* invalid messages, at most, until it is disconnected */
};
void hostile_main(void);
#endif
