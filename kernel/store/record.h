/* The layout of a block of the store (docs/explanation/store.md). */
#ifndef RAYOS_RECORD_H
#define RAYOS_RECORD_H
#include "abi.h"
#include "drivers/block.h"

#define RECORD_MAGIC 0x4b434f4c42594152ull /* the bytes "RAYBLOCK" */
#define STORE_VERSION 1
#define GENERATION_MAX (~0ull >> 1) /* centuries of puts: only a forged disk reaches it */

enum block_kind { KIND_RECORD = 1, KIND_TOMBSTONE = 2, KIND_SUPERBLOCK = 3 };

struct record_block {
    u64 magic;
    u64 checksum;    /* of the rest of the block, from here on */
    u64 generation;  /* greater than in every block written before */
    u32 block;       /* number of this block */
    u32 kind;
    u32 length;      /* bytes of data in use */
    u32 reserved;
    char name[NAME_BYTES]; /* NUL-terminated and padded */
    u8 data[RECORD_BYTES];
};
static_assert(sizeof(struct record_block) == BLOCK_BYTES);

struct superblock { u32 version, blocks; }; /* data of block 0 */
#endif
