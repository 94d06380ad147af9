/* The scenario image, validated. */
#ifndef RAYOS_SCENARIO_H
#define RAYOS_SCENARIO_H
#include "core/kernel.h"

bool scenario_validate(const void *image, size_t bytes, const char **why);
void scenario_use(const void *image);      /* a validated image */

const struct image_settings *scenario(void);
const struct image_load *scenario_load(void);
const struct image_disk *scenario_disk(void);
const struct image_network *scenario_network(void);
const struct image_group *scenario_group(u32 client);
u32 scenario_clients(void);                /* total over the groups */
const u64 *scenario_table(u32 index);      /* quantile table; NULL: no such table */
u32 scenario_faults(void);
const struct image_fault *scenario_fault(u32 index);
u32 fault_variants(u32 kind);              /* number of variants */
bool detector_on(enum detection detector); /* false only where a test switches the detector off */
u32 scenario_events(void);                 /* of the timeline */
const struct image_event *scenario_event(u32 index);
#endif
