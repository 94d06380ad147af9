"""The model as machine code: mypyc translates `rayos_model/model/` to C, the pinned zig compiler compiles it. Optional.

    python -m rayos_model.toolchain.model_build

builds it into the user's cache. A build is found by the hash of its sources: after an edit the model runs interpreted
until it is built again. With ``RAYOS_INTERPRETED=1`` in the environment no build is used. Results are identical either
way. Must not know what the model does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from typing import Final

from rayos_model.toolchain.atomic import storage_failure
from rayos_model.toolchain.cache import default_cache, intact, locked, seal
from rayos_model.toolchain.sources import COMPILED, PACKAGE, modules, sources_sha256
from rayos_model.toolchain.temporary import temporary_folder

INTERPRETED: Final = "RAYOS_INTERPRETED"
"""Environment variable; if it is not empty, no build is used."""
_LEFT_OUT: Final = ("__init__", "interrupts", "system")
_ALSO: Final = ("costs/address_space.py",)
"""Modules outside of `model/` that run for each frame of a client."""
_GROUP: Final = "rayos_model"
_KEPT: Final = 8
"""Number of builds that the cache keeps."""
_FORMAT: Final = "1"  # of the cache: change it when this file builds differently from the same sources
_FLAGS: Final = ("-O1", "-g0", "-DNDEBUG", "-mcpu=baseline", "-fPIC", "-fwrapv", "-fno-sanitize=all", "-w")
_TRANSLATE: Final = f"""
import json, sys
from mypyc.build import mypycify
options = dict(group_name="{_GROUP}", multi_file=True, include_runtime_files=True, debug_level="0", target_dir="c")
extensions = mypycify(["--config-file=mypy.ini", *sys.argv[1:]], **options)
print(json.dumps(sorted({{source for extension in extensions for source in extension.sources}})))
"""
_MYPY_CONFIGURATION: Final = """
[mypy]
ignore_errors = True
[mypy-numpy.*,pandas.*,pyarrow.*,pydantic.*,scipy.*]
follow_imports = skip
follow_imports_for_stubs = True
"""


class ModelBuildError(Exception):
    """The model could not be built. The message is one line, with the remedy where it is known."""


def compiled_modules() -> list[str]:
    """The compiled modules, as dotted names. Their last words are distinct, for they name the entry points."""
    own = (path for path in modules(("model",)) if path.stem not in _LEFT_OUT)
    paths = (path.relative_to(PACKAGE.parent) for path in (*own, *(PACKAGE / name for name in _ALSO)))
    return [".".join(path.with_suffix("").parts) for path in paths]


def library() -> Path:
    """The path of the build of these sources for this Python, whether or not it exists."""
    version = f"{_FORMAT}\0{sysconfig.get_config_var('EXT_SUFFIX')}\0{sources_sha256(COMPILED)}"
    return default_cache() / "model" / f"{hashlib.sha256(version.encode()).hexdigest()}.so"


class _Finder:
    """An import finder for the model's modules and their common part, all in one shared library."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._names = {*compiled_modules(), f"{_GROUP}__mypyc"}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if name not in self._names:
            return None
        return importlib.util.spec_from_file_location(name, loader=ExtensionFileLoader(name, self._path))


def available() -> bool:
    """Whether an undamaged build of these sources exists and `RAYOS_INTERPRETED` does not forbid it."""
    return not os.environ.get(INTERPRETED) and intact(library()) is not None


def use(path: Path | None = None) -> None:
    """Makes imports of the model's modules use a build: `path`, or the build of these sources if there is one.

    A damaged build is replaced, which takes about a minute; loading it could end the process.
    """
    if in_use():
        return
    if path is None and not os.environ.get(INTERPRETED) and (built := library()).is_file():
        path = built if intact(built) else _built_anew()
    if path is not None:
        sys.meta_path.insert(0, _Finder(path))


def _built_anew() -> Path | None:
    print("note: the compiled model in the cache is damaged; building it anew", file=sys.stderr, flush=True)
    try:
        return build()
    except ModelBuildError as failure:
        print(f"note: the model runs interpreted, which is slower: {failure}", file=sys.stderr)
        return None


def in_use() -> bool:
    """Whether this process imports the model from a build."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def build() -> Path:
    """Builds the model, or takes it from the cache; a build takes about a minute of CPU. Returns its path.

    Safe against concurrent builds. Raises `ModelBuildError` when a tool is missing or rejects the sources, or the cache
    cannot be written.
    """
    target = library()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent / "lock"):
            if intact(target) is None:
                _require_tools()
                _build(target)
                seal(target)
                _prune(target.parent)
    except OSError as error:
        raise ModelBuildError(str(storage_failure(error, target, "the compiled model"))) from error
    return target


def _require_tools() -> None:
    if not all(importlib.util.find_spec(name) for name in ("mypyc", "setuptools", "ziglang")):
        raise ModelBuildError("the translator is missing: pip install 'rayos-model[compiled]'")
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").is_file():
        raise ModelBuildError(f"Python's headers are missing in {include}: install python3-dev or its like")


def _build(target: Path) -> None:
    """Translates and compiles copies in a scratch folder, tries to import the result, and renames it into place."""
    with temporary_folder("build", target.parent) as scratch:
        for source in PACKAGE.rglob("*.py"):
            copy = scratch / "rayos_model" / source.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
        (scratch / "mypy.ini").write_text(_MYPY_CONFIGURATION)
        files = [f"{module.replace('.', '/')}.py" for module in compiled_modules()]
        printed = _run([sys.executable, "-c", _TRANSLATE, *files], scratch, "mypyc does not translate the model")
        _write_entries(scratch / "c" / "entries.c")
        sources = json.loads(printed.splitlines()[-1])
        _compile([*(source for source in sources if not source.startswith("c/rayos_model/")), "c/entries.c"], scratch)
        trial = "import sys; from pathlib import Path; from rayos_model.toolchain import model_build; "
        trial += "model_build.use(Path(sys.argv[1])); import rayos_model.model"
        _run([sys.executable, "-c", trial, str(scratch / "model.so")], PACKAGE.parent, "the built model does not load")
        (scratch / "model.so").replace(target)


def _write_entries(path: Path) -> None:
    """Writes one file with the entry points of all modules.

    Each file of mypyc also defines an entry point `PyInit___init__`; these are renamed, because they would collide.
    """
    lines = []
    for module in compiled_modules():
        again = f"PyInit_{module.rpartition('.')[2]}_again"
        lines += [f"#define PyInit___init__ {again}", f'#include "{module.replace(".", "/")}.c"']
        lines += ["#undef PyInit___init__"]
    path.write_text("\n".join(lines) + "\n")


def _compile(sources: Sequence[str], scratch: Path) -> None:
    runtime = Path(importlib.util.find_spec("mypyc").submodule_search_locations[0], "lib-rt")  # type: ignore
    folders = ("c", runtime, sysconfig.get_path("include"))

    def compile_one(source: str) -> str:
        _zig([*_FLAGS, *(f"-I{folder}" for folder in folders), "-c", source, "-o", f"{source}.o"], scratch)
        return f"{source}.o"

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        objects = list(pool.map(compile_one, sources))
    # No libraries are linked: everything it calls is already in the process.
    _zig(["-shared", "-nostdlib", *objects, "-o", "model.so"], scratch)


def _zig(arguments: list[str], scratch: Path) -> None:
    _run([sys.executable, "-m", "ziglang", "cc", *arguments], scratch, "zig does not compile the model")


def _run(command: list[str], folder: Path, failure: str) -> str:
    zig = {f"ZIG_{kind}_CACHE_DIR": str(folder / "zig") for kind in ("LOCAL", "GLOBAL")}
    environment = {name: value for name, value in os.environ.items() if name != INTERPRETED} | zig
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        printed = (result.stderr + result.stdout).strip().splitlines() or [f"exit status {result.returncode}"]
        raise ModelBuildError(f"{failure}: {printed[-1]}")
    return result.stdout


def _prune(folder: Path) -> None:
    builds = sorted(folder.glob("*.so"), key=lambda path: path.stat().st_mtime)
    for old in builds[:-_KEPT]:
        old.unlink(missing_ok=True)
        old.with_name(f"{old.name}.sha256").unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        build()
    except ModelBuildError as failure:
        print(f"note: the model runs interpreted, which is slower: {failure}", file=sys.stderr)
