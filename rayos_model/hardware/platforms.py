"""How the kernel is executed: the platforms by name and the QEMU command line of each. Starts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from rayos_model.contract.macros import FW_CFG_SCENARIO
from rayos_model.errors import BadInput
from rayos_model.hardware.qemu import PROGRAM
from rayos_model.scenario.scenario import Scenario


@dataclass(frozen=True)
class Platform:
    """One way to execute the kernel."""

    name: str
    description: str
    arguments: tuple[str, ...]
    deterministic: bool
    """Two runs of one scenario are the same, byte for byte."""
    probed: bool
    """Being there proves nothing: it must first run a small scenario in time (see `probe`)."""


PLATFORMS: Final[dict[str, Platform]] = {
    platform.name: platform
    for platform in (
        Platform(
            "icount",
            "deterministic virtual hardware: one instruction is one nanosecond",
            ("-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "qemu64"),
            deterministic=True,
            probed=False,
        ),
        Platform(
            "tcg",
            "emulation against the wall clock: real noise",
            ("-accel", "tcg,thread=multi", "-cpu", "qemu64"),
            deterministic=False,
            probed=False,
        ),
        Platform(
            "kvm",
            "this machine's own processor",
            # Without arch-capabilities: a hypervisor below this one may not let QEMU set that register.
            ("-accel", "kvm", "-cpu", "host,arch-capabilities=off"),
            deterministic=False,
            probed=True,
        ),
    )
}
DEFAULT_PLATFORM: Final = "icount"


def platform_named(name: str) -> Platform:
    """The platform of that name. Raises `BadInput` when there is none."""
    try:
        return PLATFORMS[name]
    except KeyError:
        raise BadInput(f"no platform is named {name!r}: expected one of {', '.join(PLATFORMS)}") from None


INPUT_DEVICES: Final = ("-device", "virtio-tablet-device", "-device", "virtio-keyboard-device")
DISK_DEVICES: Final = (
    *("-blockdev", "driver=file,node-name=image,filename=<disk>"),
    *("-blockdev", "driver=raw,node-name=disk,file=image,cache.no-flush=on"),
    # The first is the disk. The second, before the same image, is never started: the kernel resets it to have all
    # requests on the image come to their end while guest time stands still.
    # Each request is one of its own to the image: what is refused is that one alone.
    *("-device", "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0,share-rw=on,werror=report,rerror=report"),
    *("-global", "virtio-blk-device.request-merging=off"),
    *("-device", "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.1,share-rw=on"),
)


NETWORK_DEVICES: Final = (
    # A hub joins the two devices. With tx=timer a frame moves at the driver's second notification in a row.
    *("-netdev", "hubport,id=net0,hubid=0", "-netdev", "hubport,id=net1,hubid=0"),
    *("-device", "virtio-net-device,netdev=net0,bus=virtio-mmio-bus.2,tx=timer"),
    *("-device", "virtio-net-device,netdev=net1,bus=virtio-mmio-bus.3,tx=timer"),
)


def devices_of(scenario: Scenario) -> tuple[str, ...]:
    """QEMU's arguments for the devices that a scenario's machine has."""
    devices: tuple[str, ...] = INPUT_DEVICES if scenario.input.source == "device" else ()
    devices += DISK_DEVICES if scenario.machine.disk_mb else ()
    return devices + (NETWORK_DEVICES if scenario.network else ())


def recording(platform: Platform, mode: Literal["record", "replay"]) -> Platform:
    """The platform `icount` as QEMU records to, or replays from, the file `<recording>`.

    With idle time that passes as the wall clock does: QEMU hands on no input while it is skipped.
    """
    arguments = list(platform.arguments)
    arguments[arguments.index("-icount") + 1] = f"shift=0,sleep=on,rr={mode},rrfile=<recording>"
    return replace(platform, arguments=tuple(arguments))


def command_line(platform: Platform, *, vcpus: int, memory_mb: int, devices: Sequence[str] = ()) -> list[str]:
    """QEMU's command line with `<kernel>`, `<scenario>`, `<disk>`, `<console>` and `<qmp>` where this machine's places
    go.

    It names no path, so it is what a run's provenance records.
    """
    return [
        PROGRAM,
        *("-M", "microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on"),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *platform.arguments,
        *("-smp", str(vcpus), "-m", str(memory_mb)),
        # Devices of virtio 1, which the processor that notifies them serves before it goes on.
        *("-global", "virtio-mmio.force-legacy=false", "-global", "virtio-mmio.ioeventfd=off"),
        *("-kernel", "<kernel>", "-fw_cfg", f"name={FW_CFG_SCENARIO},file=<scenario>"),
        *("-device", "ramfb", "-device", "pvpanic"),
        *devices,
        *("-action", "panic=pause,reboot=shutdown,shutdown=pause"),
        *("-chardev", "file,id=console,path=<console>", "-serial", "chardev:console"),
        *("-chardev", "socket,id=qmp,fd=<qmp>", "-mon", "chardev=qmp,mode=control"),
    ]
