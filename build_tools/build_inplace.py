"""Builds the extension module beside its Python sources: `python build_tools/build_inplace.py`.

Needs CMake and Ninja, and a C++ compiler (or the package ziglang). It takes seconds, and less than one when nothing
changed. Arguments go to CMake: `-DAUTOML_EXPLAIN_SANITIZE=ON` builds with AddressSanitizer, for example.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import compilers

ROOT = Path(__file__).resolve().parent.parent


def build(*arguments: str) -> None:
    """Configure where needed, then compile what changed; other arguments or another Python have another folder."""
    name = "-".join(["inplace", sysconfig.get_config_var("SOABI") or "python", *arguments])
    folder = ROOT / "build" / "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    variables, choices = compilers.settings(folder)
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
    configure += ["-DAUTOML_EXPLAIN_IN_PLACE=ON", f"-DPython_EXECUTABLE={sys.executable}", *choices, *arguments]
    environment = {**os.environ, **variables}
    # pip brings tools to a folder that is gone with its build: what was configured with them cannot be built by others.
    tools = [shutil.which(name) or "" for name in ("cmake", "ninja")]
    if not _configured_by(folder, [*configure, *tools, *(environment.get(name, "") for name in compilers.CHOICES)]):
        subprocess.run(configure, env=environment, check=True)
    subprocess.run(["cmake", "--build", str(folder)], env=environment, check=True)


def _configured_by(folder: Path, configure: list[str]) -> bool:
    """Whether the folder was made by this command; if not, it is emptied, and the command noted."""
    note, text = folder / "configured_by.txt", "\n".join(configure)
    if (folder / "build.ninja").exists() and note.exists() and note.read_text(encoding="utf-8") == text:
        return True
    shutil.rmtree(folder / "CMakeFiles", ignore_errors=True)
    for stale in ("CMakeCache.txt", "build.ninja"):
        (folder / stale).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(text, encoding="utf-8")
    return False


if __name__ == "__main__":
    build(*sys.argv[1:])
