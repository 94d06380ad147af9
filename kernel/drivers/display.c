/* Two framebuffers on QEMU's ramfb; a flip sets the device's address to the other one. */
#include "drivers/display.h"
#include "arch/vm.h"
#include "core/sched.h"
#include "drivers/fwcfg.h"
#include "experiment/scenario.h"
#include "experiment/trace.h"

struct [[gnu::packed]] ramfb_config { u64 address; u32 fourcc, flags, width, height, stride; }; /* big-endian */
#define FOURCC_XRGB8888 0x34325258u

static u32 *buffers[2];
static u32 back;
static bool have_device;
static u16 device_key;
static struct ramfb_config config;

static void show(const u32 *buffer)
{
    const struct image_settings *s = scenario();
    trace_framebuffer(direct_physical(buffer), s->width, s->height);
    if (!have_device)
        return;
    config = (struct ramfb_config){
        .address = __builtin_bswap64(direct_physical(buffer)), .fourcc = __builtin_bswap32(FOURCC_XRGB8888),
        .width = __builtin_bswap32(s->width), .height = __builtin_bswap32(s->height),
        .stride = __builtin_bswap32(s->width * 4),
    };
    fwcfg_write(device_key, image_physical(&config), sizeof config);
}

void display_init(void)
{
    u64 pages = pages_for((u64)scenario()->width * scenario()->height * 4);
    u32 bytes;
    for (u32 i = 0; i < 2; i++)
        KERNEL_ASSERT((buffers[i] = page_alloc_run(pages)), "boot:framebuffer memory");
    have_device = fwcfg_find("etc/ramfb", &device_key, &bytes) && bytes == sizeof config;
    show(buffers[!back]);
}

u32 *display_back(void) { return buffers[back]; }
const u32 *display_front(void) { return buffers[!back]; }

void display_flip(void)
{
    u64 flags = service_begin();
    show(buffers[back]);
    back = !back;
    service_end(flags);
}
