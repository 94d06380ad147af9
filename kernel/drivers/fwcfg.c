/* QEMU's firmware configuration device, through its DMA interface. */
#include "drivers/fwcfg.h"
#include "arch/vm.h"

#define FWCFG_SELECT 0x510
#define FWCFG_DMA 0x514
#define KEY_DIRECTORY 0x19
#define DMA_ERROR 1u
#define DMA_READ 2u
#define DMA_SELECT 8u
#define DMA_WRITE 16u

struct dma { u32 control, length; u64 address; };              /* big-endian */
struct file { u32 bytes; u16 key, reserved; char name[56]; };  /* big-endian */

static struct dma transfer_block __attribute__((aligned(16)));

static void transfer(u32 control, u64 physical, u32 bytes)
{
    volatile struct dma *dma = &transfer_block;
    dma->length = __builtin_bswap32(bytes);
    dma->address = __builtin_bswap64(physical);
    dma->control = __builtin_bswap32(control);
    u64 block = image_physical(&transfer_block);
    out32(FWCFG_DMA, __builtin_bswap32((u32)(block >> 32)));
    out32(FWCFG_DMA + 4, __builtin_bswap32((u32)block));
    u32 left = __builtin_bswap32(dma->control);
    while (left & ~DMA_ERROR)
        left = __builtin_bswap32(dma->control);
    KERNEL_ASSERT(!left, "fwcfg:transfer");
}

void fwcfg_read(u16 key, u64 physical, u32 bytes)
{
    transfer((u32)key << 16 | DMA_SELECT | DMA_READ, physical, bytes);
}

void fwcfg_write(u16 key, u64 physical, u32 bytes)
{
    transfer((u32)key << 16 | DMA_SELECT | DMA_WRITE, physical, bytes);
}

static bool same_name(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

bool fwcfg_find(const char *name, u16 *key, u32 *bytes)
{
    static struct file file;
    static u32 count;
    fwcfg_read(KEY_DIRECTORY, image_physical(&count), sizeof count);
    for (u32 left = __builtin_bswap32(count); left; left--) {
        transfer(DMA_READ, image_physical(&file), sizeof file); /* continues after the last transfer */
        if (!same_name(file.name, name))
            continue;
        *key = __builtin_bswap16(file.key);
        *bytes = __builtin_bswap32(file.bytes);
        return true;
    }
    return false;
}
