/* wl_shm, pools and buffers. A pool exists as long as its object or a buffer in it; a buffer as long as its object, a
 * pending attach or a use. */
#include "wayland/protocol.h"

enum { FORMAT_ARGB8888 = 0, FORMAT_XRGB8888 = 1 };

void shm_bound(struct object *object)
{
    event(object->client, object->id, EVENT_SHM_FORMAT, FORMAT_ARGB8888);
    event(object->client, object->id, EVENT_SHM_FORMAT, FORMAT_XRGB8888);
}

static void pool_release(struct pool *pool)
{
    if (--pool->references)
        return;
    pool->object.client->usage.pools--;
    shm_release(pool->shm);
    kfree(pool);
}

void pool_destroyed(struct object *object)
{
    pool_release((struct pool *)object);
}

HANDLER(shm_create_pool)
{
    struct object *shm = object;
    struct handle handle;
    i32 bytes = arguments[2].i;
    if (!client_take_handle(client, &handle))
        return;
    struct pool *pool = NULL;
    if (bytes <= 0)
        object_error(shm, SHM_INVALID_STRIDE, "pool size not positive");
    else if (handle.type != HANDLE_SHM || (u32)bytes > shm_bytes(handle.object))
        object_error(shm, SHM_INVALID_FD, "not shared memory of that size");
    else if (client_within(client, client->usage.pools, scenario()->client_pools))
        pool = object_create(client, arguments[0].u, WL_SHM_POOL, shm->version, sizeof *pool);
    if (!pool) {
        handle_drop(&handle);
        return;
    }
    pool->shm = handle.object; /* takes over the reference */
    pool->bytes = (u32)bytes;
    pool->references = 1;
    client->usage.pools++;
}

HANDLER(pool_resize)
{
    (void)client;
    struct pool *pool = object;
    i32 bytes = arguments[0].i;
    if (bytes <= 0 || (u32)bytes < pool->bytes)
        object_error(&pool->object, SHM_INVALID_FD, "a pool does not shrink");
    else if ((u32)bytes > shm_bytes(pool->shm))
        object_error(&pool->object, SHM_INVALID_FD, "larger than the shared memory");
    else
        pool->bytes = (u32)bytes;
}

/* Every pixel of the buffer lies in its pool; composite.c relies on it. */
static bool fits(const struct pool *pool, i32 offset, i32 width, i32 height, i32 stride)
{
    return offset >= 0 && width > 0 && height > 0 && stride > 0 && (i64)stride >= (i64)width * 4 &&
           stride % 4 == 0 && offset % 4 == 0 && (i64)stride * height <= (i64)pool->bytes - offset;
}

HANDLER(pool_create_buffer)
{
    struct pool *pool = object;
    i32 offset = arguments[1].i, width = arguments[2].i, height = arguments[3].i, stride = arguments[4].i;
    u32 format = arguments[5].u;
    if (format != FORMAT_ARGB8888 && format != FORMAT_XRGB8888) {
        object_error(&pool->object, SHM_INVALID_FORMAT, "invalid format");
        return;
    }
    if (!fits(pool, offset, width, height, stride)) {
        object_error(&pool->object, SHM_INVALID_STRIDE, "buffer does not fit its pool");
        return;
    }
    struct buffer *buffer = object_create(client, arguments[0].u, WL_BUFFER, pool->object.version, sizeof *buffer);
    if (!buffer)
        return;
    buffer->pool = pool;
    pool->references++;
    buffer->references = 1;
    buffer->offset = (u32)offset;
    buffer->stride = (u32)stride;
    buffer->width = width;
    buffer->height = height;
}

void buffer_reference(struct buffer *buffer)
{
    if (buffer)
        buffer->references++;
}

void buffer_release(struct buffer *buffer)
{
    if (!buffer || --buffer->references)
        return;
    pool_release(buffer->pool);
    kfree(buffer);
}

void buffer_destroyed(struct object *object)
{
    object->client = NULL;
    buffer_release((struct buffer *)object);
}

void buffer_use(struct buffer *buffer)
{
    if (!buffer)
        return;
    counters.buffers_busy += !buffer->uses++;
    buffer_reference(buffer);
}

void buffer_unuse(struct buffer *buffer)
{
    if (!buffer)
        return;
    counters.buffers_free += !--buffer->uses;
    if (!buffer->uses && buffer->object.client)
        event(buffer->object.client, buffer->object.id, EVENT_BUFFER_RELEASE);
    buffer_release(buffer);
}

const u8 *buffer_pixels(const struct buffer *buffer)
{
    return (const u8 *)shm_data(buffer->pool->shm) + buffer->offset;
}
