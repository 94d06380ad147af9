/* The wire format: bytes to checked arguments, events to bytes. */
#include "wayland/protocol.h"
#include <stdarg.h>

u32 wire_read(const u8 *at)
{
    u32 word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* A string or array: a length word, then that many bytes padded to four. Returns the content and advances *at; NULL: it
 * exceeds the message. */
static const u8 *read_block(const u8 **at, const u8 *end, u32 *bytes)
{
    u32 length = wire_read(*at);
    const u8 *content = *at + 4;
    if (length > (u32)(end - content) || ((length + 3) & ~3u) > (u32)(end - content))
        return NULL;
    *bytes = length;
    *at = content + ((length + 3) & ~3u);
    return content;
}

static bool read_string(const u8 **at, const u8 *end, bool nullable, const char **string)
{
    u32 bytes;
    const u8 *content = read_block(at, end, &bytes);
    if (!content || (!bytes && !nullable))
        return false;
    *string = bytes ? (const char *)content : NULL;
    if (bytes && content[bytes - 1])
        return false;
    for (u32 i = 0; i + 1 < bytes; i++)
        if (!content[i])
            return false;
    return true;
}

static bool read_object(struct client *client, u32 id, u8 interface, bool nullable, struct object **object)
{
    *object = id ? object_find(client, id) : NULL;
    if (!*object)
        return !id && nullable;
    return (*object)->interface == interface;
}

static bool malformed(struct client *client, u32 code, const char *message)
{
    client_error(client, 1, code, message);
    return false;
}

bool wire_parse(struct client *client, const u8 *message, u32 bytes, const struct request *request,
                union argument *arguments)
{
    const u8 *at = message + 8, *end = message + bytes;
    const u8 *type = request->types;
    for (const char *kind = request->signature; *kind; kind++, arguments++) {
        if (*kind == 'h')
            continue; /* the handler takes it with client_take_handle */
        if (end - at < 4)
            return malformed(client, DISPLAY_INVALID_METHOD, "message too short");
        switch (*kind) {
        case 's': case 'S':
            if (!read_string(&at, end, *kind == 'S', &arguments->s))
                return malformed(client, DISPLAY_INVALID_METHOD, "bad string");
            continue;
        case 'a':
            if (!(arguments->a.data = read_block(&at, end, &arguments->a.bytes)))
                return malformed(client, DISPLAY_INVALID_METHOD, "bad array");
            continue;
        case 'o': case 'O':
            if (!read_object(client, wire_read(at), *type++, *kind == 'O', &arguments->o))
                return malformed(client, DISPLAY_INVALID_OBJECT, "invalid object argument");
            break;
        case 'n':
            type++;
            arguments->u = wire_read(at);
            if (!object_id_free(client, arguments->u))
                return malformed(client, DISPLAY_INVALID_OBJECT, "invalid new id");
            break;
        default:
            arguments->u = wire_read(at);
        }
        at += 4;
    }
    return at == end || malformed(client, DISPLAY_INVALID_METHOD, "message too long");
}

static u8 *write_block(u8 *at, const void *data, u32 bytes)
{
    memcpy(at, &bytes, 4);
    memcpy(at + 4, data, bytes);
    for (at += 4 + bytes; bytes & 3; bytes++)
        *at++ = 0;
    return at;
}

/* Arguments as in event_kinds; an array is its address, then its bytes. No event exceeds EVENT_ROOM. */
void event(struct client *client, u32 object, u32 kind, ...)
{
    if (client_deaf(client))
        return;
    if (client->outgoing.bytes + EVENT_ROOM > sizeof client->outgoing.data)
        client_flush(client);
    if (client_deaf(client))
        return;
    u8 *start = client->outgoing.data + client->outgoing.bytes, *at = start + 8;
    va_list values;
    va_start(values, kind);
    for (const char *letter = event_kinds[kind].signature; *letter; letter++) {
        if (*letter == 's') {
            const char *string = va_arg(values, const char *);
            at = write_block(at, string, (u32)strlen(string) + 1);
        } else if (*letter == 'a') {
            const void *data = va_arg(values, const void *);
            at = write_block(at, data, va_arg(values, u32));
        } else {
            u32 word = va_arg(values, u32);
            memcpy(at, &word, 4);
            at += 4;
        }
    }
    va_end(values);
    u32 header[2] = {object, (u32)(at - start) << 16 | event_kinds[kind].opcode};
    memcpy(start, header, sizeof header);
    client_touch(client);
    bool motion = client->outgoing.motion && kind == EVENT_POINTER_FRAME;
    client->outgoing.motion = kind == EVENT_POINTER_MOTION ? !client->outgoing.bytes : motion;
    client->outgoing.bytes += (u32)(at - start);
    client->outgoing.events++;
}
