"""The model as machine code: mypyc translates `rayos_model/model/`, the pinned zig compiler builds it. Optional.

    python -m rayos_model.toolchain.model_build

builds it into the user's cache. A build is found by the hash of the sources that it was made from: an edited source is
interpreted until it is built anew. With ``RAYOS_INTERPRETED=1`` in the environment no build is used. Results are the
same either way. Must not know what the model does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from pathlib import Path
from typing import Final

from rayos_model.toolchain.cache import default_cache, locked
from rayos_model.toolchain.sources import COMPILED, PACKAGE, modules, sources_sha256

INTERPRETED: Final = "RAYOS_INTERPRETED"
_LEFT_OUT: Final = ("__init__", "system")
_GROUP: Final = "rayos_model"
_KEPT: Final = 8
"""Builds that the cache keeps."""
_FORMAT: Final = "1"  # of the cache: change it when this file builds otherwise from the same sources
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
    """The model could not be built; the message is one line, and says what to do where that is known."""


def compiled_modules() -> list[str]:
    """The modules that are compiled, as dotted names. No two end in the same word: that names their entry point."""
    paths = (path.relative_to(PACKAGE.parent) for path in modules(("model",)) if path.stem not in _LEFT_OUT)
    return [".".join(path.with_suffix("").parts) for path in paths]


def library() -> Path:
    """Where the build of these sources for this Python is, once it was made."""
    version = f"{_FORMAT}\0{sysconfig.get_config_var('EXT_SUFFIX')}\0{sources_sha256(COMPILED)}"
    return default_cache() / "model" / f"{hashlib.sha256(version.encode()).hexdigest()}.so"


class _Finder:
    """Finds the model's modules, and what they have in common, in one shared library."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._names = {*compiled_modules(), f"{_GROUP}__mypyc"}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """As `importlib.abc.MetaPathFinder` says."""
        if name not in self._names:
            return None
        return importlib.util.spec_from_file_location(name, loader=ExtensionFileLoader(name, self._path))


def available() -> bool:
    """Whether there is a build of these sources, and it is wanted."""
    return not os.environ.get(INTERPRETED) and library().is_file()


def use(path: Path | None = None) -> None:
    """Has the model's modules imported from a build; by default from that of these sources, if it is available."""
    if not in_use() and (path or available()):
        sys.meta_path.insert(0, _Finder(path or library()))


def in_use() -> bool:
    """Whether the model that this process imports is compiled."""
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def build() -> Path:
    """Builds the model, or takes it from the cache; a minute's work of one core. Safe against concurrent builds.

    Raises `ModelBuildError` where a tool is missing or refuses the sources.
    """
    target = library()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent / "lock"):
            if not target.is_file():
                _require_tools()
                _build(target)
                _prune(target.parent)
    except OSError as error:
        raise ModelBuildError(f"cannot build the model in {target.parent}: {error}") from error
    return target


def _require_tools() -> None:
    if not all(importlib.util.find_spec(name) for name in ("mypyc", "setuptools", "ziglang")):
        raise ModelBuildError("the translator is missing: pip install 'rayos-model[compiled]'")
    include = Path(sysconfig.get_path("include"))
    if not (include / "Python.h").is_file():
        raise ModelBuildError(f"Python's headers are missing in {include}: install python3-dev or its like")


def _build(target: Path) -> None:
    """Translates and compiles copies in a scratch folder, tries the result, and moves it to its name in one step."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as name:
        scratch = Path(name)
        for source in PACKAGE.rglob("*.py"):
            copy = scratch / "rayos_model" / source.relative_to(PACKAGE)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
        (scratch / "mypy.ini").write_text(_MYPY_CONFIGURATION)
        files = [f"{module.replace('.', '/')}.py" for module in compiled_modules()]
        said = _run([sys.executable, "-c", _TRANSLATE, *files], scratch, "mypyc does not translate the model")
        _write_entries(scratch / "c" / "entries.c")
        sources = json.loads(said.splitlines()[-1])
        _compile([*(source for source in sources if not source.startswith("c/rayos_model/")), "c/entries.c"], scratch)
        trial = "import sys; from pathlib import Path; from rayos_model.toolchain import model_build; "
        trial += "model_build.use(Path(sys.argv[1])); import rayos_model.model"
        _run([sys.executable, "-c", trial, str(scratch / "model.so")], PACKAGE.parent, "the built model does not load")
        (scratch / "model.so").replace(target)


def _write_entries(path: Path) -> None:
    """One file for the entry points of all modules; each of mypyc's defines another, of the same name, besides."""
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
    # Without libraries of its own: everything it calls is in the process already.
    _zig(["-shared", "-nostdlib", *objects, "-o", "model.so"], scratch)


def _zig(arguments: list[str], scratch: Path) -> None:
    _run([sys.executable, "-m", "ziglang", "cc", *arguments], scratch, "zig does not compile the model")


def _run(command: list[str], folder: Path, failure: str) -> str:
    zig = {f"ZIG_{kind}_CACHE_DIR": str(folder / "zig") for kind in ("LOCAL", "GLOBAL")}
    environment = {name: value for name, value in os.environ.items() if name != INTERPRETED} | zig
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        said = (result.stderr + result.stdout).strip().splitlines() or [f"exit status {result.returncode}"]
        raise ModelBuildError(f"{failure}: {said[-1]}")
    return result.stdout


def _prune(folder: Path) -> None:
    builds = sorted(folder.glob("*.so"), key=lambda path: path.stat().st_mtime)
    for old in builds[:-_KEPT]:
        old.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        build()
    except ModelBuildError as failure:
        print(f"note: the model is interpreted, which is slower: {failure}", file=sys.stderr)
