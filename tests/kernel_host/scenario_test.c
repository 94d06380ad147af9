/* scenario_test IMAGE: prints the verdict on an image: "ok", or why not.
 * scenario_test IMAGE ROUNDS [SEED]: damages it in ROUNDS ways; the checksum is set right in half of them, so that the
 * checks behind it are reached. Any verdict is right; an access outside the image is not (it ends at an inaccessible
 * page). */
#define _GNU_SOURCE
#include "experiment/scenario.h"
#include "host.h"
#include <sys/mman.h>

static u64 seed = 1;
static u32 chance(u32 below) { return host_random(&seed) % below; }

static u32 crc32(const u8 *data, size_t bytes)
{
    u32 crc = ~0u;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (u32 bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

/* A copy whose last byte is the last before an inaccessible page. */
static u8 *guarded(const u8 *image, size_t bytes, size_t room)
{
    static u8 *pages;
    size_t size = (room + 8191) / 4096 * 4096;
    if (!pages) {
        pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(pages != MAP_FAILED && !mprotect(pages + size - 4096, 4096, PROT_NONE));
    }
    u8 *copy = pages + size - 4096 - ((bytes + 7) & ~7ull);
    memcpy(copy, image, bytes);
    return copy;
}

static void damage(const u8 *image, size_t bytes)
{
    size_t length = chance(8) ? bytes : chance((u32)bytes + 1);
    u8 *copy = guarded(image, length, bytes);
    for (u32 n = 1 + chance(4); n && length >= 300; n--) {
        u32 at = chance(2) ? chance(300) : chance((u32)length);
        copy[at] = chance(3) ? (u8)chance(256) : (u8)(chance(2) ? 0 : 255);
    }
    if (length > sizeof(struct image_header) && chance(2)) {
        struct image_header *header = (void *)copy;
        header->length = (u32)length;
        header->crc32 = crc32(copy + sizeof *header, length - sizeof *header);
    }
    const char *why;
    bool good = scenario_validate(copy, length, &why);
    CHECK(good == !why);
}

int main(int count, char **arguments)
{
    static u8 image[1 << 20] __attribute__((aligned(16)));
    FILE *file = fopen(arguments[1], "rb");
    CHECK(file);
    seed = count > 3 ? strtoull(arguments[3], NULL, 0) : seed;
    size_t bytes = fread(image, 1, sizeof image, file);
    fclose(file);
    for (int i = count > 2 ? atoi(arguments[2]) : 0; i; i--)
        damage(image, bytes);
    const char *why;
    if (!scenario_validate(image, bytes, &why)) {
        printf("%s\n", why);
        return 0;
    }
    scenario_use(image);
    CHECK(scenario_group(scenario_clients() - 1)->count);
    printf("ok\n");
    return 0;
}
