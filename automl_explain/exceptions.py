"""What can go wrong, drawn as one tree.

::

    AutoMLExplainError
    |-- InputError (ValueError)                    an argument is not what was expected
    |   |-- ConflictingTransformationsError        both ``transformations`` and ``feature_maps``
    |   |-- InitDatasetMissingError                nothing to train the surrogate on
    |   |-- MissingEvalDataError                   local values asked for without rows
    |   |-- MissingExplanationTypesError           neither ``"local"`` nor ``"global"``
    |   |-- MissingRawTransformationsError         raw values asked for without a feature map
    |   `-- MissingPartError (AttributeError)      what was asked for, this object does not have
    |       `-- MissingLocalValuesError            the explanation holds global values only
    |-- DataError (ValueError)                     the rows themselves cannot be used
    |-- UnsupportedModelError (TypeError)          the model cannot be explained, and why
    |   `-- UnknownTransformerError                a featurization step whose lineage is unknown
    |-- SelfCheckError (RuntimeError)              the model predicts a row differently each time
    |-- ContractError (AssertionError)             a part does not keep the contract it was checked against
    |-- MissingExtraError (ImportError)            an optional package is not installed; the message names it
    |-- SurrogateNotFittedError (RuntimeError)     a surrogate is used before ``fit``
    `-- StorageError (RuntimeError)                something saved cannot be written or read
        |-- AlreadyExistsError (FileExistsError)   the target is there and may not be overwritten
        |-- NotFoundError (FileNotFoundError)      nothing is saved under that name
        `-- CorruptFileError (ValueError)          the file is damaged, foreign or from a newer version

Warnings: `ExplanationWarning` (a ``UserWarning``) with `BlackBoxWarning`, `UnmappedFeaturesWarning`,
`LowFidelityWarning` and `ResidualWarning` below it.
"""

from __future__ import annotations

__all__ = [
    "AlreadyExistsError",
    "AutoMLExplainError",
    "BlackBoxWarning",
    "ConflictingTransformationsError",
    "ContractError",
    "CorruptFileError",
    "DataError",
    "ExplanationWarning",
    "InitDatasetMissingError",
    "InputError",
    "LowFidelityWarning",
    "MissingEvalDataError",
    "MissingExtraError",
    "MissingExplanationTypesError",
    "MissingLocalValuesError",
    "MissingPartError",
    "MissingRawTransformationsError",
    "NotFoundError",
    "ResidualWarning",
    "SelfCheckError",
    "StorageError",
    "SurrogateNotFittedError",
    "UnknownTransformerError",
    "UnmappedFeaturesWarning",
    "UnsupportedModelError",
]


class AutoMLExplainError(Exception):
    """Root of every error raised on purpose by ``automl_explain``."""


class InputError(AutoMLExplainError, ValueError):
    """An argument is not what was expected."""


class ConflictingTransformationsError(InputError):
    """Both ``transformations`` and ``feature_maps`` were given."""


class InitDatasetMissingError(InputError):
    """The surrogate has no rows to learn from."""


class MissingEvalDataError(InputError):
    """Local values were asked for without rows to explain."""


class MissingExplanationTypesError(InputError):
    """The explanation types hold neither ``"local"`` nor ``"global"``, or something else."""


class MissingRawTransformationsError(InputError):
    """Raw values were asked for, but there is no feature map to fold with."""


class MissingPartError(InputError, AttributeError):
    """An attribute that this kind of object has, but not this one: ``hasattr`` says no."""


class MissingLocalValuesError(MissingPartError):
    """The explanation was made without local values."""


class DataError(AutoMLExplainError, ValueError):
    """The rows or labels cannot be used (all targets missing, no rows, a value of the wrong type)."""


class UnsupportedModelError(AutoMLExplainError, TypeError):
    """The model cannot be explained; the message says why."""


class UnknownTransformerError(UnsupportedModelError):
    """No rule says which raw columns feed the outputs of a transformer; the message names it."""


class SelfCheckError(AutoMLExplainError, RuntimeError):
    """What the model predicts of a row depends on the rows that come with it, or is random."""


class ContractError(AutoMLExplainError, AssertionError):
    """A part does not keep the contract that `automl_explain.testing` checked it against."""


class MissingExtraError(AutoMLExplainError, ImportError):
    """An optional package is not installed; the message says how to install it."""


class SurrogateNotFittedError(AutoMLExplainError, RuntimeError):
    """A surrogate was used before it was fitted."""


class StorageError(AutoMLExplainError, RuntimeError):
    """Something saved cannot be written or read."""


class AlreadyExistsError(StorageError, FileExistsError):
    """The target exists and ``exist_ok`` was not given."""


class NotFoundError(StorageError, FileNotFoundError):
    """Nothing is saved at the place given."""


class CorruptFileError(StorageError, ValueError):
    """The file is damaged, was changed, is not ours, or comes from a newer version."""


class ExplanationWarning(UserWarning):
    """Root of the warnings of ``automl_explain``."""


class BlackBoxWarning(ExplanationWarning):
    """The parts of a model do not predict what it predicts; it is explained as a black box."""


class UnmappedFeaturesWarning(ExplanationWarning):
    """Some engineered features have no raw parent; what they contribute is unattributed."""


class LowFidelityWarning(ExplanationWarning):
    """The surrogate reproduces the teacher less well than it should."""


class ResidualWarning(ExplanationWarning):
    """In some of the rows explained the surrogate is far from what the model predicts."""
