/* Regions are hints (opaque, input): checked by type, otherwise unused. Windows are opaque and input goes by client. */
#include "wayland/protocol.h"

HANDLER(compositor_create_region)
{
    object_create(client, arguments[0].u, WL_REGION, ((struct object *)object)->version, sizeof(struct object));
}
