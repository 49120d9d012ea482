"""The fitted model beside its scoring explainer: a pickle, tied to it by checksums.

A pickle runs code when it is read. The checksums find files that were swapped, damaged, or left over from another run;
they are no protection against somebody who can write to the folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

from automl_explain._files._writing import as_ours, write_whole
from automl_explain.exceptions import CorruptFileError, NotFoundError, UnsupportedModelError
from automl_explain.scoring import FILE_NAME

MODEL, SCORING = "model.joblib", "scoring"
_PIN, _VERSION = "model.json", 1


def save_model(model: Any, folder: Path, *, is_black_box: bool = False) -> Path:
    """Write ``model.joblib`` to a folder whose scoring explainer is there already, and tie the two together.

    Parameters
    ----------
    model : object
        Fitted.
    folder : Path
    is_black_box : bool, default False
        Whether it was explained on features that only its training rows settle, so that new rows cannot be.

    Raises
    ------
    StorageError
        If the system refuses.
    """
    import joblib

    path, pin = folder / MODEL, folder / SCORING / _PIN
    with as_ours("write the model to", path, "--out"):
        pin.unlink(missing_ok=True)  # of another model, should this one not be written
        write_whole(path, lambda file: joblib.dump(model, file))
        sums = {MODEL: _sha256(path), FILE_NAME: _sha256(folder / SCORING / FILE_NAME)}
        text = json.dumps({"format_version": _VERSION, "sha256": sums, "is_black_box": is_black_box}, indent=2)
        write_whole(pin, lambda file: _put(file, text))
    return path


def forget_model(folder: Path) -> None:
    """Untie a model of an earlier run, whose scoring explainer is about to be replaced."""
    with as_ours("write to", folder, "--out"):
        (folder / SCORING / _PIN).unlink(missing_ok=True)


def load_model(folder: Path) -> Any:
    """The model that `save_model` wrote to a folder; read only after its checksum was found right.

    Raises
    ------
    NotFoundError
        If it is not there.
    CorruptFileError
        If it, or the scoring explainer, is another file than the one that was written.
    UnsupportedModelError
        If it was explained as a black box.
    """
    import joblib

    path, pin = folder / MODEL, folder / SCORING / _PIN
    again = "Explain the table again, with --save-model."
    with as_ours("read the model in", folder, "--model"):
        if not folder.is_dir():
            raise NotFoundError(
                f"There is no folder {str(folder)!r}. Name one that automl-explain explain --save-model wrote."
            )
        if not (folder / SCORING / FILE_NAME).is_file():
            raise NotFoundError(f"The folder {str(folder)!r} holds no scoring explainer. {again}")
        if not path.is_file() or not pin.is_file():
            raise NotFoundError(f"The model was not saved in {str(folder)!r}. {again}")
        sums, is_black_box = _read_pin(pin)
        if is_black_box:
            raise UnsupportedModelError(
                "The model was explained as a black box, on features made from the rows of training, which are not in "
                f"{str(folder)!r}. Explain the table again, with another --candidate."
            )
        for file in (path, folder / SCORING / FILE_NAME):
            if sums.get(file.name) != _sha256(file):
                raise CorruptFileError(
                    f"{str(file)!r} is not the file that was written with this model: its checksum differs, so it is "
                    f"not read. Restore it from a copy. {again.replace('Explain', 'Or explain', 1)}"
                )
        return joblib.load(path)


def _read_pin(pin: Path) -> tuple[dict[str, Any], bool]:
    try:
        document = json.loads(pin.read_bytes())
        version, sums = document["format_version"], document["sha256"]
        is_black_box = document["is_black_box"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{str(pin)!r} is damaged: {error!r}. Explain the table again.") from error
    if version != _VERSION or not isinstance(sums, dict):
        raise CorruptFileError(
            f"{str(pin)!r} has the format {version!r}; this version reads {_VERSION}. Explain the table again."
        )
    return sums, is_black_box is not False


def _put(file: BinaryIO, text: str) -> None:
    file.write(text.encode())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
