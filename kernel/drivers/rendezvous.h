/* Pausing the machine so that the host can read its memory. */
#ifndef RAYOS_RENDEZVOUS_H
#define RAYOS_RENDEZVOUS_H

void rendezvous_write(void);               /* parks the other processors, pauses, resumes them */
void rendezvous_stopped(void);             /* the same when all other processors have stopped for ever */
#endif
