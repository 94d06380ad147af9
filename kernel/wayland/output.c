/* wl_output: the one display. */
#include "wayland/protocol.h"

enum { MODE_CURRENT = 1, MODE_PREFERRED = 2 };

void output_bound(struct object *object)
{
    const struct image_settings *s = scenario();
    event(object->client, object->id, EVENT_OUTPUT_GEOMETRY, 0, 0, 0, 0, 0, "RAYOS", "virtual", 0);
    u32 flags = MODE_CURRENT | MODE_PREFERRED, refresh_millihertz = s->refresh_millihertz;
    event(object->client, object->id, EVENT_OUTPUT_MODE, flags, s->width, s->height, refresh_millihertz);
    if (object->version < 2)
        return;
    event(object->client, object->id, EVENT_OUTPUT_SCALE, 1);
    event(object->client, object->id, EVENT_OUTPUT_DONE);
}
