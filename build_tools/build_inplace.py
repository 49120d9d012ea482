"""Builds the extension module beside its Python sources: `python build_tools/build_inplace.py`.

Needs a C++ compiler, CMake and Ninja, and the headers of the Python that runs it; takes seconds, and less than one when
nothing changed. Arguments go to CMake: `-DAUTOML_EXPLAIN_SANITIZE=ON` builds with AddressSanitizer, for example.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(*arguments: str) -> None:
    """Configure where needed, then compile what changed; other arguments or another Python have another folder."""
    name = "-".join(["inplace", sysconfig.get_config_var("SOABI") or "python", *arguments])
    folder = ROOT / "build" / "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
    configure += ["-DAUTOML_EXPLAIN_IN_PLACE=ON", f"-DPython_EXECUTABLE={sys.executable}", *arguments]
    if not (folder / "build.ninja").exists():
        subprocess.run(configure, check=True)
    subprocess.run(["cmake", "--build", str(folder)], check=True)


if __name__ == "__main__":
    build(*sys.argv[1:])
