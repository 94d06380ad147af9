/* What the store's files share: records by name, the disk's blocks, epochs. Under LOCK_KERNEL.
 *
 *   index.c      records by name; which block holds which version, and which block comes next
 *   store.c      put, get, flush; the disk's answers; the next piece of work for the disk
 *   recovery.c   reading the index back from the disk at boot */
#ifndef RAYOS_STORE_INTERNAL_H
#define RAYOS_STORE_INTERNAL_H
#include "store/store.h"

/* Linked by index, not by struct list: records and places are arrays whose memory per block is part of the ABI. */
struct record {
    char name[NAME_BYTES];
    u64 generation;    /* of the latest version */
    u32 next;          /* in its bucket, or among the unused */
    u32 block;         /* of the latest version */
    u32 copies;        /* blocks of the disk on which some version of it may lie */
    bool removed;
};
struct place {         /* a block of the disk */
    u32 owner;         /* record of which a version lies there, or is being written there; 0: none */
    u32 previous;      /* owner of the version that this epoch's write replaces */
    u32 next_written, next_freed; /* in its epoch's lists */
    bool busy;         /* latest version of a record, or replaced by a version that is not durable yet */
    bool bad;          /* could not be written: not used again before the next boot */
};
static_assert(sizeof(struct record) == STORE_RECORD_BYTES && sizeof(struct place) == PLACE_BYTES);
struct epoch { u32 unwritten, written, freed; }; /* blocks to write; heads of lists through places */

extern struct record *records;  /* from 1 */
extern struct place *places;    /* from 1: block 0 is the superblock */
extern u32 blocks_total;

/* ---- index.c ---- */
void index_init(u32 total);
u32 record_find(const char *name);           /* 0: none */
u32 record_new(const char *name);
void record_forget(u32 r, struct epoch *open); /* removed, and no version but the tombstone is left */
u32 place_allocate(void);                    /* a block that is not needed; 0: none */
void place_settle(u32 r, u32 block, struct epoch *epoch); /* a version of r is to be written to block in this epoch */
void place_free_later(u32 block, struct epoch *epoch);    /* free when the epoch is durable */
void record_seal(struct record_block *page, u32 block);   /* fills in block number and checksum */
bool record_valid(const struct record_block *b, u32 block);

/* ---- recovery.c ---- */
/* Takes memory for index and cache, and fills the index. open: the first epoch. false: no superblock for this disk. */
bool recover(const struct image_disk *disk, struct epoch *open, u64 *generation);
#endif
