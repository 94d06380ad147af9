#ifndef RAYOS_CLIENT_HOSTILE_H
#define RAYOS_CLIENT_HOSTILE_H
enum {
    HOSTILE_CALLS = 32,      /* system calls with wild arguments */
    HOSTILE_MESSAGES = 50,   /* messages, all but the last odd but allowed */
    HOSTILE_TRIES = 64,      /* messages that break the protocol, until it is thrown out */
};
void hostile_main(void);
#endif
