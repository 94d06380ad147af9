/* A computing process: background load without a window. */
#ifndef RAYOS_CLIENT_COMPUTE_H
#define RAYOS_CLIENT_COMPUTE_H
[[noreturn]] void compute(void);
#endif
