/* Messages of the remote display session: sizes, digest, validation. */
#include "remote/message.h"
#include "core/kernel.h"

static_assert(sizeof(struct message) + REMOTE_CELLS * sizeof(u32) <= NET_FRAME_BYTES);

/* FNV-1a over words of 32 bits. */
u64 message_digest(const void *cells)
{
    u64 digest = 0xcbf29ce484222325ull;
    for (u32 i = 0; i < REMOTE_CELLS; i++) {
        u32 cell;
        memcpy(&cell, (const u8 *)cells + i * sizeof cell, sizeof cell);
        digest = (digest ^ cell) * 0x100000001b3ull;
    }
    return digest;
}

u32 message_bytes(u32 kind)
{
    return (u32)(sizeof(struct message) + (kind == MESSAGE_UPDATE ? REMOTE_CELLS * sizeof(u32) : 0));
}

bool message_valid(const struct message *message, u32 bytes, enum message_kind kind, const u8 *to)
{
    if (bytes < message_bytes(kind) || bytes > NET_FRAME_BYTES || memcmp(message->to, to, NET_ADDRESS_BYTES))
        return false;
    if (message->ethertype != ETHERTYPE_REMOTE || message->kind != kind)
        return false;
    return kind != MESSAGE_UPDATE || message->digest == message_digest(message->cells);
}
