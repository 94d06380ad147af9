"""Platforms, the ways to execute the kernel, and the QEMU command line of each. Starts nothing."""

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
    """Whether two runs of one scenario are identical, byte for byte."""
    probed: bool
    """Whether it must first prove itself by running a small scenario in time (see `probe`)."""


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
            "emulation in real time, with real noise",
            ("-accel", "tcg,thread=multi", "-cpu", "qemu64"),
            deterministic=False,
            probed=False,
        ),
        Platform(
            "kvm",
            "the CPU of this machine",
            # Without arch-capabilities: under nested virtualisation QEMU may not be able to set that MSR.
            ("-accel", "kvm", "-cpu", "host,arch-capabilities=off"),
            deterministic=False,
            probed=True,
        ),
    )
}
DEFAULT_PLATFORM: Final = "icount"


def platform_named(name: str) -> Platform:
    """The platform of a name. Raises `BadInput` for an unknown one."""
    try:
        return PLATFORMS[name]
    except KeyError:
        raise BadInput(f"no platform is named {name!r}: expected one of {', '.join(PLATFORMS)}") from None


INPUT_DEVICES: Final = ("-device", "virtio-tablet-device", "-device", "virtio-keyboard-device")
DISK_DEVICES: Final = (
    *("-blockdev", "driver=file,node-name=image,filename=<disk>"),
    *("-blockdev", "driver=raw,node-name=disk,file=image,cache.no-flush=on"),
    # The first device is the disk. The second, on the same image, is never started: the kernel resets it to drain all
    # requests on the image while guest time stands still.
    # Requests are not merged, so that an injected error fails exactly one request.
    *("-device", "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.0,share-rw=on,werror=report,rerror=report"),
    *("-global", "virtio-blk-device.request-merging=off"),
    *("-device", "virtio-blk-device,drive=disk,bus=virtio-mmio-bus.1,share-rw=on"),
)


NETWORK_DEVICES: Final = (
    # A hub connects the two devices. With tx=timer a frame is sent at the driver's second notification in a row.
    *("-netdev", "hubport,id=net0,hubid=0", "-netdev", "hubport,id=net1,hubid=0"),
    *("-device", "virtio-net-device,netdev=net0,bus=virtio-mmio-bus.2,tx=timer"),
    *("-device", "virtio-net-device,netdev=net1,bus=virtio-mmio-bus.3,tx=timer"),
)


def devices_of(scenario: Scenario) -> tuple[str, ...]:
    """QEMU's arguments for the devices of a scenario's machine."""
    devices: tuple[str, ...] = INPUT_DEVICES if scenario.input.source == "device" else ()
    devices += DISK_DEVICES if scenario.machine.disk_mb else ()
    return devices + (NETWORK_DEVICES if scenario.network else ())


def recording(platform: Platform, mode: Literal["record", "replay"]) -> Platform:
    """The platform `icount` with QEMU recording to, or replaying from, the file `<recording>`.

    Idle time passes in real time (`sleep=on`): QEMU delivers no input while it skips idle time.
    """
    arguments = list(platform.arguments)
    arguments[arguments.index("-icount") + 1] = f"shift=0,sleep=on,rr={mode},rrfile=<recording>"
    return replace(platform, arguments=tuple(arguments))


def command_line(platform: Platform, *, vcpus: int, memory_mb: int, devices: Sequence[str] = ()) -> list[str]:
    """QEMU's command line, with the placeholders `<kernel>`, `<scenario>`, `<disk>`, `<console>` and `<qmp>`.

    It contains no path of this machine and is recorded as such in the provenance of a run.
    """
    return [
        PROGRAM,
        *("-M", "microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on"),
        *("-nodefaults", "-no-user-config", "-display", "none"),
        *platform.arguments,
        *("-smp", str(vcpus), "-m", str(memory_mb)),
        # virtio 1 devices, served synchronously by the vCPU that notifies them.
        *("-global", "virtio-mmio.force-legacy=false", "-global", "virtio-mmio.ioeventfd=off"),
        *("-kernel", "<kernel>", "-fw_cfg", f"name={FW_CFG_SCENARIO},file=<scenario>"),
        *("-device", "ramfb", "-device", "pvpanic"),
        *devices,
        *("-action", "panic=pause,reboot=shutdown,shutdown=pause"),
        *("-chardev", "file,id=console,path=<console>", "-serial", "chardev:console"),
        *("-chardev", "socket,id=qmp,fd=<qmp>", "-mon", "chardev=qmp,mode=control"),
    ]
