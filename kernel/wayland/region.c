/* wl_region: a hint (opaque, input), checked by type and otherwise unused. Windows are opaque, and input goes by
 * client. */
#include "wayland/protocol.h"

HANDLER(compositor_create_region)
{
    object_create(client, arguments[0].u, WL_REGION, version_of(object), sizeof(struct object));
}
