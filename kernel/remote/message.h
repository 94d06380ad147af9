/* The messages between server and remote display: Ethernet frames, each complete in itself. Pure: tested on the host.
 * */
#ifndef RAYOS_MESSAGE_H
#define RAYOS_MESSAGE_H
#include "drivers/net.h"

#define REMOTE_COLUMNS 24
#define REMOTE_ROWS 14
#define REMOTE_CELLS (REMOTE_COLUMNS * REMOTE_ROWS)
#define ETHERTYPE_REMOTE 0xb588 /* 0x88b5, for local experiments (IEEE 802), in network order */

enum message_kind { MESSAGE_UPDATE = 1, MESSAGE_ANSWER };

struct [[gnu::packed]] message { /* little-endian after the Ethernet header */
    u8 to[NET_ADDRESS_BYTES], from[NET_ADDRESS_BYTES];
    u16 ethertype;
    u16 kind;         /* enum message_kind */
    u32 sequence;     /* update: one more than the last; answer: of the update now on display */
    u64 digest;       /* update: of its cells; answer: of the cells now on display */
    u8 cells[];       /* update: REMOTE_CELLS pixels of 4 bytes, one per cell of the screen, row by row; answer: none */
};

u64 message_digest(const void *cells);
u32 message_bytes(u32 kind);
/* true: the frame is a complete message of that kind to that address, and its digest matches its cells. */
bool message_valid(const struct message *message, u32 bytes, enum message_kind kind, const u8 *to);
#endif
