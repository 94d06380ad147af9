/* Hostile clients: well-typed requests with odd values, the same with damaged bytes, and noise; cut anywhere, with and
 * without handles, with and without memory. A second client must get every frame it asks for; nothing may be left over.
 * Usage: wayland_fuzz SEED BATCHES */
#include "wayland_client.h"

static u64 state;

static u32 draw(u32 below)
{
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return (u32)(state >> 33) % below;
}

static u32 odd_word(void)
{
    static const u32 words[] = {0, 1, 2, 3, 4, 8, 16, 64, 256, 4096, 16384, 0x7fff, 0x8000, 0xffff, 0x7fffffff,
                                0x80000000, 0xfffffffe, 0xffffffff, 0xff000000};
    return draw(4) ? words[draw(sizeof words / sizeof *words)] : draw(100);
}

/* ---- Well-typed requests, from the compositor's tables and objects ---- */

static struct object *any_object(const struct client *client, u8 interface)
{
    for (u32 tries = 0; tries < 64; tries++) {
        u32 id = draw(client->objects.top + 2);
        const struct object_map *map = &client->objects;
        struct object *object = id < map->top ? map->by_id[id] : map->offers[draw(MAX_OFFERS)];
        if (object && (!interface || object->interface == interface))
            return object;
    }
    return NULL;
}

static u32 ids_in_batch;                       /* new ids in the present batch: the first free ones */
static u32 latest_serial(const struct xdg_surface *xdg)
{
    return xdg->sent_count ? xdg->sent[xdg->sent_count - 1].serial : 0;
}


static u32 handle_wanted;                      /* WL_SHM or WL_DATA_OFFER: the latest request needs a handle; else 0 */

static u32 any_id(const struct client *client)
{
    u32 skip = ids_in_batch++, id = 2;
    for (; id < client->objects.top; id++)
        if (!client->objects.by_id[id] && !skip--)
            return id;
    return client->objects.top + skip;
}

static u32 add_string(u8 *at)
{
    static const char *const strings[] = {
        "", "text/plain", "a title", "a rather long title that goes on for more than sixty-four characters, on and on",
    };
    const char *string = strings[draw(4)];
    u32 bytes = (u32)strlen(string) + 1;
    memcpy(at, &bytes, 4);
    memset(at + 4, 0, (bytes + 3) & ~3u);
    memcpy(at + 4, string, bytes);
    return 4 + ((bytes + 3) & ~3u);
}

static u32 add_bind(const struct client *client, u8 *at)
{
    u32 i = draw(GLOBALS), words[2] = {1 + draw(globals[i].version), any_id(client)}, name = i + 1;
    const char *string = interfaces[globals[i].interface].name;
    u32 bytes = (u32)strlen(string) + 1, padded = (bytes + 3) & ~3u;
    memcpy(at, &name, 4);
    memcpy(at + 4, &bytes, 4);
    memset(at + 8, 0, padded);
    memcpy(at + 8, string, bytes);
    memcpy(at + 8 + padded, words, 8);
    return 16 + padded;
}

static u32 add_arguments(const struct client *client, const struct object *object, const struct request *request,
                         u8 *at)
{
    const u8 *start = at, *type = request->types;
    for (const char *kind = request->signature; *kind; kind++) {
        u32 word = odd_word();
        struct object *other;
        switch (*kind) {
        case 'h':
            handle_wanted = object->interface;
            continue;
        case 's': case 'S':
            at += add_string(at);
            continue;
        case 'o': case 'O':
            other = draw(16) ? any_object(client, *type) : any_object(client, 0);
            type++;
            word = other && draw(16) ? other->id : 0;
            break;
        case 'n':
            type++;
            word = draw(32) ? any_id(client) : word;
            break;
        default: /* what makes some requests succeed */
            if (object->interface == WL_SHM_POOL && draw(16))
                word = (u32[]){0, 0, 16, 16, 64, 1}[(kind - request->signature) % 6];
            if (object->interface == WL_SHM && draw(16))
                word = 4096;
            if (object->interface == XDG_SURFACE && draw(8))
                word = latest_serial((const struct xdg_surface *)object);
            if ((object->interface == WL_DATA_SOURCE || object->interface == WL_DATA_OFFER) && draw(16))
                word = 1;
            if ((object->interface == XDG_POSITIONER || object->interface == XDG_TOPLEVEL) && draw(16))
                word = 5;
        }
        memcpy(at, &word, 4);
        at += 4;
    }
    return (u32)(at - start);
}

/* Requests that certainly or most likely cause an error, and destructors: too many of them end every session early. */
static bool ends_life(const struct object *object, const struct request *request)
{
    void (*const handle)(struct client *, void *, const union argument *) = request->handle;
    if (handle == surface_set_buffer_scale || handle == surface_set_buffer_transform || handle == seat_get_touch ||
        handle == xdg_surface_get_popup)
        return true;
    for (const char *kind = request->signature, *type = (const char *)request->types; *kind; kind++) {
        if (*kind == 'o' && !any_object(object->client, (u8)*type))
            return true;
        type += *kind == 'o' || *kind == 'O' || *kind == 'n';
    }
    if (handle == xdg_surface_set_window_geometry || handle == pool_resize)
        return draw(4);
    if (handle == xdg_surface_ack_configure)
        return !latest_serial((const struct xdg_surface *)object);
    if (handle == xdg_surface_get_toplevel)
        return ((const struct xdg_surface *)object)->toplevel;
    if (handle == offer_finish)
        return !((const struct data_offer *)object)->dropped;
    return handle == wm_base_destroy || handle == xdg_surface_destroy || handle == surface_destroy ||
           handle == pointer_set_cursor || handle == request_destroy;
}

static u32 add_request(const struct client *client, u8 *at)
{
    const struct object *object = any_object(client, 0);
    if (!object || !interfaces[object->interface].request_count)
        object = &client->objects.display;
    u32 opcode = draw(interfaces[object->interface].request_count);
    for (u32 tries = 0; tries < 32 && draw(24); tries++) {
        if (!ends_life(object, &interfaces[object->interface].requests[opcode]))
            break;
        object = any_object(client, 0);
        if (!object || !interfaces[object->interface].request_count)
            object = &client->objects.display;
        opcode = draw(interfaces[object->interface].request_count);
    }
    const struct request *request = &interfaces[object->interface].requests[opcode];
    u32 bytes = 8 + (object->interface == WL_REGISTRY ? add_bind(client, at + 8)
                                                      : add_arguments(client, object, request, at + 8));
    u32 header[2] = {object->id, bytes << 16 | opcode};
    memcpy(at, header, 8);
    return bytes;
}

/* ---- Batches ---- */

/* The next complete step of a drag, as source or as target. */
static u32 add_drag(struct peer *p, const struct client *client)
{
    const struct object *manager = any_object(client, WL_DATA_DEVICE_MANAGER);
    const struct object *surface = any_object(client, WL_SURFACE), *device = client->transfer.device;
    p->bytes = 0;
    for (u32 i = 0; i < MAX_OFFERS; i++) {
        const struct data_offer *offer = (struct data_offer *)client->objects.offers[i];
        if (!offer || draw(3))
            continue;
        put(p, offer->object.id, 0, "us", 0, "text/plain");
        put(p, offer->object.id, 4, "uu", 1, 1);
        put(p, offer->object.id, 1, "s", "text/plain");
        handle_wanted = WL_DATA_OFFER;
        if (offer->dropped && draw(4))
            put(p, offer->object.id, 3, "");
        return p->bytes;
    }
    if (device && manager && surface && client->transfer.dragged == NULL) {
        u32 id = any_id(client);
        put(p, manager->id, 0, "u", id);
        put(p, id, 0, "s", "text/plain");
        if (draw(8))
            put(p, id, 2, "u", 3);
        put(p, device->id, 0, "uuuu", id, surface->id, 0, 0);
    }
    return p->bytes;
}

static u32 make_batch(struct peer *p, const struct client *client)
{
    u32 bytes = 0, kind = draw(100);
    ids_in_batch = handle_wanted = 0;
    if (!client || !kind) {
        bytes = 4 + draw(200);
        for (u32 i = 0; i < bytes; i++)
            p->batch[i] = (u8)draw(256);
        return bytes;
    }
    if (kind > 90 && (bytes = add_drag(p, client)))
        return bytes;
    bytes = add_request(client, p->batch); /* one mostly: the next is made of what this one did */
    while (!draw(6) && bytes < 3000)
        bytes += add_request(client, p->batch + bytes);
    if (kind == 1 || kind == 2)
        for (u32 i = draw(4) + 1; i; i--)
            p->batch[draw(bytes)] ^= (u8)(1 << draw(8));
    if (kind == 3)
        bytes = 1 + draw(bytes);
    return bytes;
}

static struct handle some_handle(void)
{
    u32 kind = draw(40);
    if (handle_wanted && kind < 36)
        return handle_wanted == WL_SHM ? mock_shm(4096) : mock_pipe_end(true);
    return kind == 36 ? mock_pipe_end(true) : kind == 37 ? mock_pipe_end(false) : kind == 38 ? mock_shm(64) : no_handle;
}

static struct peer *attack(struct peer *p, u32 client_id)
{
    const struct client *client = client_by_id(client_id);
    p->bytes = make_batch(p, client);
    u32 cut = draw(20) ? p->bytes : 1 + draw(p->bytes);
    mock_send(p->socket, p->batch, cut, some_handle());
    if (cut < p->bytes)
        mock_send(p->socket, p->batch + cut, p->bytes - cut, no_handle);
    p->bytes = 0;
    mock_run_until(mock_now());
    if (client_id != MOCK_DRAG || !draw(20)) /* MOCK_DRAG reads rarely */
        drain(p);
    mock_fail_allocations(0, 0);
    if (mock_open(p->socket) && draw(500))
        return p;
    peer_end(p);
    p = peer_new(client_id);
    mock_run_until(mock_now());
    if (draw(8))
        set_up(p);
    const struct client *connected = client_by_id(client_id);
    if (mock_open(p->socket) && draw(3) && connected && connected->objects.top == SURFACE)
        window(p, 64, 64, 1, 2);
    return p;
}

/* ---- The other client ---- */

static u64 waited_since;
static u32 frames;

static void behave(struct peer *p)
{
    u32 serial;
    drain(p);
    CHECK(mock_open(p->socket) && !came(p, 1, 0, NULL));
    if (came(p, WM_BASE, 0, &serial))
        put(p, WM_BASE, 3, "u", serial);
    if (came(p, NEXT, 0, NULL)) {
        forget(p);
        frame(p, frames % 2 ? BUFFER_A : BUFFER_B, 64, frames % 60, 4);
        frames++;
        waited_since = mock_now();
    } else if (p->bytes) {
        forget(p);
        flush(p);
    }
    CHECK(mock_now() - waited_since < 3 * mock_vblank_ns);
}

int main(int count, char **arguments)
{
    state = count > 1 ? strtoull(arguments[1], NULL, 0) : 1;
    u32 batches = count > 2 ? (u32)strtoul(arguments[2], NULL, 0) : 10000;
    draw(1);
    mock_socket_bytes = 4000;
    mock_start();
    struct peer *good = peer_new(MOCK_RENDERING);
    struct peer *bad[] = {peer_new(MOCK_DRAG), peer_new(MOCK_DRAG_PEER), peer_new(MOCK_INPUT)};
    set_up(good);
    window(good, 64, 64, 1, 2);
    for (u32 i = 0; i < batches; i++) {
        u32 which = draw(3);
        mock_fail_allocations(which, draw(100) ? 0 : 3);
        bad[which] = attack(bad[which], which);
        for (u64 until = mock_now() + (draw(6) ? 0 : draw(draw(8) ? 8000000 : 150000000)); mock_now() < until;) {
            mock_run_until(mock_now() + 8000000 < until ? mock_now() + 8000000 : until);
            behave(good);
        }
        behave(good);
    }
    for (u32 which = 0; which < 3; which++)
        peer_end(bad[which]);
    peer_end(good);
    mock_run_until(mock_now() + 100000000);
    mock_check_clean();
    printf("ok: %u requests, %u errors, %u frames, %u drag steps, %u passes, %u commits\n", mock_count(P_REQUEST),
           mock_count(M_PROTOCOL_ERROR), frames, mock_count(P_DRAG), mock_count(P_COMPOSITE),
           mock_count(M_BUFFER_COMMIT));
    exit(0);
}
