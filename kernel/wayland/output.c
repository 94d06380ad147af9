#include "wayland/protocol.h"

enum { MODE_CURRENT = 1, MODE_PREFERRED = 2 };

void output_bound(struct object *object)
{
    const struct image_settings *s = scenario();
    event(object->client, object->id, EVENT_OUTPUT_GEOMETRY, 0, 0, 0, 0, 0, "RAYOS", "virtual", 0);
    event(object->client, object->id, EVENT_OUTPUT_MODE, MODE_CURRENT | MODE_PREFERRED, s->width, s->height, s->refresh_mhz);
    if (object->version < 2)
        return;
    event(object->client, object->id, EVENT_OUTPUT_SCALE, 1);
    event(object->client, object->id, EVENT_OUTPUT_DONE);
}
