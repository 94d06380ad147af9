/* The clipboard. A client's selection is offered to its peer, the next client of the group, which would get the
 * keyboard next. Source and offer point to each other until one of them is destroyed or another selection replaces
 * them. */
#include "wayland/protocol.h"

static void part(struct data_source *source)
{
    if (source->offer)
        source->offer->source = NULL;
    source->offer = NULL;
}

static bool offer_to(struct client *target, struct data_source *source)
{
    struct object *device = target ? target->transfer.device : NULL;
    struct data_offer *offer = device ? object_create_offer(target, device->version) : NULL;
    if (!offer)
        return false;
    offer->source = source;
    source->offer = offer;
    event(target, device->id, EVENT_DEVICE_DATA_OFFER, offer->object.id);
    for (u32 i = 0; i < source->mime_count; i++)
        event(target, offer->object.id, EVENT_OFFER_OFFER, source->mimes[i]);
    event(target, device->id, EVENT_DEVICE_SELECTION, offer->object.id);
    return true;
}

HANDLER(device_set_selection)
{
    struct data_source *source = (struct data_source *)arguments[0].o, *old = client->transfer.selection;
    if (source && source->used) {
        object_error(object, DEVICE_USED_SOURCE, "the source was used before");
        return;
    }
    if (source && source->actions_set) {
        object_error(&source->object, SOURCE_INVALID_SOURCE, "a source with actions is for drags");
        return;
    }
    if (old) {
        event(client, old->object.id, EVENT_SOURCE_CANCELLED);
        part(old);
    }
    client->transfer.selection = source;
    struct client *target = peer_of(client);
    if (!source) {
        if (old && target && target->transfer.device)
            event(target, target->transfer.device->id, EVENT_DEVICE_SELECTION, 0);
        return;
    }
    source->used = source->selection = true;
    if (!offer_to(target, source)) {
        event(client, source->object.id, EVENT_SOURCE_CANCELLED);
        client->transfer.selection = NULL;
    }
}

void selection_source_gone(struct data_source *source)
{
    struct client *client = source->object.client;
    part(source);
    if (client->transfer.selection == source)
        client->transfer.selection = NULL;
}

void selection_offer_gone(struct data_offer *offer)
{
    offer->source->offer = NULL;
    offer->source = NULL;
}
