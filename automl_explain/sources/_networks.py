"""Networks: outputs and their gradients, from PyTorch modules and Keras models alike."""

from __future__ import annotations

import copy
import importlib.util
from typing import Any, Protocol

import numpy as np

from automl_explain.exceptions import MissingExtraError, UnsupportedModelError

_ROWS_AT_ONCE = 8192


class Network(Protocol):
    """A differentiable function of rows."""

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """Outputs of shape (n_rows, n_columns)."""

    def gradients(self, X: np.ndarray) -> np.ndarray:
        """Gradients of every output column by the values of its row, shape (n_columns, n_rows, n_features)."""


def network_of(model: Any) -> Network:
    """The network behind a model.

    Raises
    ------
    UnsupportedModelError
        If the model is neither a PyTorch module nor a Keras model.
    MissingExtraError
        If it is neither and none of the libraries is there.
    """
    families = {cls.__module__.partition(".")[0] for cls in type(model).__mro__}
    if families & {"keras", "tf_keras"}:  # with the PyTorch backend a Keras model is a module as well
        return KerasNetwork(model)
    if "torch" in families:
        return TorchNetwork(model)
    if not any(importlib.util.find_spec(name) for name in ("torch", "keras")):
        raise MissingExtraError(
            f"DeepExplainer explains PyTorch modules and Keras models, and neither library is installed; got "
            f"{type(model).__name__}. Install one: pip install automl-explain[deep]."
        )
    raise UnsupportedModelError(
        f"DeepExplainer explains PyTorch modules and Keras models; got {type(model).__name__}. Pass the network "
        "itself, or use TabularExplainer or KernelExplainer, which explain other models."
    )


class TorchNetwork:
    """A copy of a PyTorch module, in evaluation mode and with double precision where it can compute in it."""

    def __init__(self, module: Any) -> None:
        import torch

        try:
            self._module = copy.deepcopy(module).eval().requires_grad_(False)
        except Exception as error:  # whatever a module's own state raises
            raise UnsupportedModelError(
                f"{type(module).__name__} cannot be copied: {error}. Explain a module made anew with "
                "`load_state_dict`, after training."
            ) from error
        first = next(self._module.parameters(), None)
        self._device = torch.device("cpu") if first is None else first.device
        self._dtype: Any = None

    def _settle(self, X: np.ndarray) -> None:
        """Double precision, unless the module holds to a type of its own."""
        import torch

        single, self._dtype = copy.deepcopy(self._module), torch.float64
        try:
            self._module = self._module.double()
            self._columns(X[:1])
        except Exception:  # a module that makes tensors of a fixed type refuses others in its own words
            self._module, self._dtype = single, torch.float32
            try:
                self._columns(X[:1])
            except UnsupportedModelError:
                raise
            except Exception as error:
                raise UnsupportedModelError(
                    f"{type(single).__name__} cannot compute rows of {X.shape[1]} numbers: {error}. Pass a module of "
                    "one table (n_rows, n_features); wrap others, and embeddings of whole numbers, in one that is."
                ) from error

    def _tensor(self, X: np.ndarray) -> Any:
        import torch

        return torch.tensor(X, dtype=self._dtype, device=self._device)

    def _columns(self, X: Any) -> Any:
        output = self._module(X if hasattr(X, "detach") else self._tensor(X))
        return _as_columns(output, self._module)

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        import torch

        if self._dtype is None:
            self._settle(X)
        with torch.no_grad():
            return np.concatenate([_to_numpy(self._columns(part)) for part in _parts(X)])

    def gradients(self, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        if self._dtype is None:
            self._settle(X)
        return np.concatenate([self._part_gradients(part) for part in _parts(X)], axis=1)

    def _part_gradients(self, X: np.ndarray) -> np.ndarray:
        import torch

        with torch.enable_grad():
            cells = self._tensor(X).requires_grad_(True)
            columns = self._columns(cells)
            if not columns.requires_grad:
                raise _not_differentiable(self._module)
            found = [
                torch.autograd.grad(columns[:, k].sum(), cells, retain_graph=True, allow_unused=True)[0]
                for k in range(columns.shape[1])
            ]
        return np.stack([np.zeros_like(X) if g is None else _to_numpy(g) for g in found])


class KerasNetwork:
    """A Keras model in inference mode, in its own precision."""

    def __init__(self, model: Any) -> None:
        self._model = model
        name = next((c.__module__.partition(".")[0] for c in type(model).__mro__ if "keras" in c.__module__), "keras")
        self._backend = importlib.import_module(name).backend.backend()
        if self._backend not in ("tensorflow", "torch"):
            raise UnsupportedModelError(
                f"Keras computes with {self._backend!r} here; its gradients are read with TensorFlow or PyTorch. Set "
                "KERAS_BACKEND to 'tensorflow' or 'torch' and load the model anew."
            )

    def _columns(self, cells: Any) -> Any:
        try:
            output = self._model(cells, training=False)
        except (ValueError, TypeError, RuntimeError) as error:
            raise UnsupportedModelError(
                f"{type(self._model).__name__} cannot compute rows of {cells.shape[1]} numbers: {error}. Pass a model "
                "of one table (n_rows, n_features)."
            ) from error
        return _as_columns(output, self._model)

    def _cells(self, X: np.ndarray) -> Any:
        keras = importlib.import_module("keras")
        return keras.ops.convert_to_tensor(X.astype(np.float32))

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return np.concatenate([_to_numpy(self._columns(self._cells(part))) for part in _parts(X)])

    def gradients(self, X: np.ndarray) -> np.ndarray:
        """See `Network`."""
        made = self._tape_gradients if self._backend == "tensorflow" else self._autograd_gradients
        return np.concatenate([made(part) for part in _parts(X)], axis=1)

    def _tape_gradients(self, X: np.ndarray) -> np.ndarray:
        import tensorflow

        cells = self._cells(X)
        with tensorflow.GradientTape(persistent=True) as tape:
            tape.watch(cells)
            columns = tensorflow.unstack(self._columns(cells), axis=1)
        found = [tape.gradient(column, cells) for column in columns]
        if all(g is None for g in found):
            raise _not_differentiable(self._model)
        return np.stack([np.zeros_like(X) if g is None else _to_numpy(g) for g in found])

    def _autograd_gradients(self, X: np.ndarray) -> np.ndarray:
        import torch

        with torch.enable_grad():
            cells = self._cells(X).detach().requires_grad_(True)
            columns = self._columns(cells)
            if not columns.requires_grad:
                raise _not_differentiable(self._model)
            found = [
                torch.autograd.grad(columns[:, k].sum(), cells, retain_graph=True, allow_unused=True)[0]
                for k in range(columns.shape[1])
            ]
        return np.stack([np.zeros_like(X) if g is None else _to_numpy(g) for g in found])


def _as_columns(output: Any, model: Any) -> Any:
    shape = getattr(output, "shape", None)
    if shape is None or len(shape) not in (1, 2):
        found = type(output).__name__ if shape is None else f"shape {tuple(shape)}"
        raise UnsupportedModelError(
            f"{type(model).__name__} gives {found}; expected one output (n_rows,) or (n_rows, n_outputs). Wrap it in a "
            "module that gives the output to explain."
        )
    return output[:, None] if len(shape) == 1 else output


def _not_differentiable(model: Any) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"The output of {type(model).__name__} has no gradient by its rows: it computes with whole numbers, or leaves "
        "the library on the way. Use KernelExplainer, which needs predictions only."
    )


def _parts(X: np.ndarray) -> list[np.ndarray]:
    return [X[start : start + _ROWS_AT_ONCE] for start in range(0, max(len(X), 1), _ROWS_AT_ONCE)]


def _to_numpy(tensor: Any) -> np.ndarray:
    plain = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    return np.asarray(plain, dtype=np.float64)
