/* A stress test: the levels of the load over time, and the RAYOS_STRESS lines. In scenarios of another kind the whole
 * load runs all the time and nothing is printed. */
#ifndef RAYOS_STRESS_H
#define RAYOS_STRESS_H
#include "experiment/profile.h"

void stress_start(void);
void stress_second(u64 now, struct second ended, u64 busy_percent); /* called by the reporter each second */
struct histogram *stress_latency(void);         /* histogram for the second's latencies; NULL: not counted */
void stress_report(bool passed);
#endif
