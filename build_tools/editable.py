"""Makes the wheel of an editable install a plain path, so that `PYTHONPATH` goes before it.

scikit-build-core adds a finder of modules that is asked before all paths: with another checkout in `PYTHONPATH`, Python
would still import this one, without a word.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

_FINDER = "_editable_skbc_"


def leave_a_path_alone(wheel: Path) -> None:
    """Take the finder of scikit-build-core out of the wheel, and keep the folder that it names."""
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    paths = [name for name in members if name.startswith(_FINDER) and name.endswith(".pth")]
    folders = [line for name in paths for line in members[name].decode().splitlines() if not line.startswith("import ")]
    kept = {name: content for name, content in members.items() if not name.startswith(_FINDER)}
    kept["automl_explain.pth"] = "".join(f"{folder}\n" for folder in folders if folder).encode()
    record = next(name for name in kept if name.endswith(".dist-info/RECORD"))
    del kept[record]
    kept[record] = "".join([*map(_line, kept, kept.values()), f"{record},,\n"]).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def _line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"
