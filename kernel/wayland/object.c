/* The object map of a client: an array for its id range, a small one for the server's (data offers). */
#include "wayland/protocol.h"

/* As in libwayland, ids are compact: a new id is at most one above the highest ever used. */
bool object_id_free(const struct client *client, u32 id)
{
    return id && (id == client->objects.top || (id < client->objects.top && !client->objects.by_id[id]));
}

struct object *object_find(const struct client *client, u32 id)
{
    if (id >= FIRST_SERVER_ID)
        return id - FIRST_SERVER_ID < MAX_OFFERS ? client->objects.offers[id - FIRST_SERVER_ID] : NULL;
    return id < client->objects.top ? client->objects.by_id[id] : NULL;
}

static bool make_room(struct client *client, u32 id)
{
    if (id < client->objects.room)
        return true;
    if (id >= MAX_OBJECTS)
        return false;
    u32 room = client->objects.room ? client->objects.room * 2 : 32;
    struct object **objects = kalloc(room * sizeof *objects, "object map");
    if (!objects)
        return false;
    if (client->objects.by_id)
        memcpy(objects, client->objects.by_id, client->objects.room * sizeof *objects);
    kfree(client->objects.by_id);
    client->objects.by_id = objects;
    client->objects.room = room;
    return true;
}

void *object_create(struct client *client, u32 id, u8 interface, u8 version, size_t bytes)
{
    struct object *object = make_room(client, id) ? kalloc(bytes, interfaces[interface].name) : NULL;
    if (!object) {
        client_no_memory(client);
        return NULL;
    }
    *object = (struct object){.id = id, .interface = interface, .version = version, .client = client};
    client->objects.by_id[id] = object;
    if (id == client->objects.top)
        client->objects.top++;
    return object;
}

void *object_create_offer(struct client *client, u8 version)
{
    u32 slot = 0;
    while (slot < MAX_OFFERS && client->objects.offers[slot])
        slot++;
    struct object *object = slot < MAX_OFFERS ? kalloc(sizeof(struct data_offer), "wl_data_offer") : NULL;
    if (!object)
        return NULL;
    *object = (struct object){
        .id = FIRST_SERVER_ID + slot, .interface = WL_DATA_OFFER, .version = version, .client = client,
    };
    client->objects.offers[slot] = object;
    return object;
}

void object_destroy(struct object *object)
{
    struct client *client = object->client;
    u32 id = object->id;
    void (*destroyed)(struct object *) = interfaces[object->interface].destroyed;
    if (destroyed)
        destroyed(object);
    else
        kfree(object);
    if (id >= FIRST_SERVER_ID) {
        client->objects.offers[id - FIRST_SERVER_ID] = NULL;
    } else {
        client->objects.by_id[id] = NULL;
        event(client, 1, EVENT_DISPLAY_DELETE_ID, id);
    }
}

void objects_destroy(struct client *client)
{
    for (u32 slot = 0; slot < MAX_OFFERS; slot++)
        if (client->objects.offers[slot])
            object_destroy(client->objects.offers[slot]);
    for (u32 id = 2; id < client->objects.top; id++) /* 1 is the display, part of the client */
        if (client->objects.by_id[id])
            object_destroy(client->objects.by_id[id]);
    kfree(client->objects.by_id);
}
