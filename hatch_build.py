"""The package's own build: compiles gateway/native where there is a C compiler and Python's headers, and does without elsewhere.

One compiler call; the extension lands beside its source, in an editable install as in a wheel. Without it the Python of each
function runs. `GATEWAY_PURE=1` builds a wheel for every platform.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("gateway/native/_native.c")
# without NDEBUG each look at a tuple or list asserts what it is; the fuzzer's build leaves that in
FLAGS = (
    "-O2", "-DNDEBUG", "-std=c11", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-sign-compare", "-Wno-type-limits",
)  # fmt: skip
SHARED = ("-bundle", "-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-shared",)


def compile_native(root: Path) -> Path | None:
    """The extension, freshly compiled; None, and a line that says so, where that can't be done."""
    target = (root / SOURCE).with_name("_native" + str(sysconfig.get_config_var("EXT_SUFFIX")))
    fresh = target.with_suffix(".new")
    if os.environ.get("GATEWAY_PURE", "") not in ("", "0"):
        return None
    target.unlink(missing_ok=True)
    for compiler in dict.fromkeys([os.environ.get("CC") or "cc", str(sysconfig.get_config_var("CC") or "cc")]):
        command = [*shlex.split(compiler), *FLAGS, *SHARED, f"-I{sysconfig.get_path('include')}", str(root / SOURCE)]
        try:
            ended = subprocess.run([*command, "-o", str(fresh)], check=False, capture_output=True, text=True)
        except OSError as error:
            sys.stderr.write(f"{compiler}: {error.strerror}\n")
            continue
        if ended.returncode == 0:
            fresh.replace(target)  # a process that runs keeps the one that it has
            return target
        sys.stderr.write(ended.stderr[-2000:])
    fresh.unlink(missing_ok=True)
    sys.stderr.write("gateway.native is not compiled: its Python runs, more slowly\n")
    return None


class Native(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - as hatchling calls it
        built = compile_native(Path(self.root))
        if built is not None:
            build_data["artifacts"].append(f"/{built.relative_to(self.root)}")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
