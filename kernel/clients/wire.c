/* The client's end of the wire format. */
#include "clients/wire.h"
#include <stdarg.h>

bool connection_closed;
static u8 out[BATCH_BYTES];
static u32 out_bytes;
static u32 steps_drawn, rows_drawn;
static u32 in[BATCH_BYTES / 4];
static u32 in_words, in_at;
static u32 free_ids[MAX_IDS], free_count, next_id = 2; /* 1 is the display */

u32 id_new(void)
{
    if (free_count)
        return free_ids[--free_count];
    if (next_id == MAX_IDS)
        client_give_up();
    return next_id++;
}

/* Ids are compact, as in the compositor's object map: only an id that was taken can be freed. */
void id_free(u32 id)
{
    if (id >= 2 && id < next_id && free_count < MAX_IDS)
        free_ids[free_count++] = id;
}

static void put(u32 word)
{
    __builtin_memcpy(out + out_bytes, &word, 4);
    out_bytes += 4;
}

static void put_string(const char *string)
{
    u32 length = 0;
    while (string && string[length])
        length++;
    put(string ? length + 1 : 0);
    for (u32 i = 0; string && i < ((length + 4) & ~3u); i++)
        out[out_bytes++] = i < length ? (u8)string[i] : 0;
}

void request(u32 object, u32 opcode, const char *signature, ...)
{
    u32 start = out_bytes;
    put(object);
    put(opcode);
    va_list values;
    va_start(values, signature);
    for (; *signature; signature++) {
        if (*signature == 's')
            put_string(va_arg(values, const char *));
        else
            put(va_arg(values, u32));
    }
    va_end(values);
    u32 header = (out_bytes - start) << 16 | opcode;
    __builtin_memcpy(out + start + 4, &header, 4);
}

void request_raw(u32 object, u32 header)
{
    put(object);
    put(header);
}

void request_noise(u32 (*next)(void), u32 words)
{
    while (words--)
        put(next());
}

void batch_discard(void)
{
    out_bytes = steps_drawn = rows_drawn = 0;
}

void drawn(u32 steps, u32 rows)
{
    steps_drawn += steps;
    rows_drawn += rows;
}

void batch_send(u32 tag, i32 handle)
{
    i64 result = syscall(SYS_SEND, (u64)out, out_bytes, (u64)(i64)handle, tag, PACK(steps_drawn, rows_drawn));
    connection_closed = connection_closed || result < 0;
    out_bytes = steps_drawn = rows_drawn = 0;
}

bool events_receive(u64 deadline, i32 *handle)
{
    *handle = -1;
    i64 bytes = syscall(SYS_RECEIVE, (u64)in, sizeof in, deadline, (u64)handle, 0);
    connection_closed = connection_closed || bytes < 0;
    in_at = 0;
    in_words = bytes > 0 ? (u32)bytes / 4 : 0;
    return in_words;
}

/* A queue-write consists of complete messages; a malformed one ends the buffer. */
bool events_next(struct message *message)
{
    if (in_words - in_at < 2)
        return false;
    u32 bytes = in[in_at + 1] >> 16;
    if (bytes < 8 || bytes % 4 || bytes / 4 > in_words - in_at)
        return false;
    *message = (struct message){in[in_at], in[in_at + 1] & 0xffff, bytes, in + in_at + 2, bytes / 4 - 2};
    in_at += bytes / 4;
    return true;
}

u32 message_word(const struct message *message, u32 index)
{
    return index < message->word_count ? message->words[index] : 0;
}

const char *message_string(const struct message *message, u32 index)
{
    u32 bytes = message_word(message, index);
    if (!bytes || index + 1 >= message->word_count || bytes > (message->word_count - index - 1) * 4)
        return NULL;
    const char *string = (const char *)(message->words + index + 1);
    return string[bytes - 1] ? NULL : string;
}

bool strings_equal(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}
