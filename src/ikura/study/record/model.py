"""The model: a trained network with its preprocessing, saved without pickle."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import numpy as of_arrays

from ikura.data.encoder import Encoder
from ikura.data.input_arrays import stays_on_disk
from ikura.data.network_inputs import NetworkInputs
from ikura.errors import UsageError
from ikura.files import run_files, write_atomically, write_output
from ikura.lazy_torch import Tensor, nn, pytree, torch
from ikura.metric import as_array
from ikura.metric.calibration import at_temperature
from ikura.metric.conformal import HeldOutErrors
from ikura.metric.decisions import answers_at, cheapest, cost_matrix
from ikura.nn.array_network import ArrayEnsemble, ArrayMLP, ArrayNetwork
from ikura.nn.generators import seeded
from ikura.nn.loss import LOSSES, Loss, Targets, chosen_loss, usual_loss
from ikura.population import attributes
from ikura.population.inputs import Features, as_features, call_forward
from ikura.population.member import Hyperparameters
from ikura.population.torch_settings import default_torch_settings
from ikura.study.record.model_form import (
    BUFFER,
    FORMAT,
    OF_ENSEMBLE,
    digest,
    seal,
)
from ikura.study.record.recorded_network import Recorded
from ikura.study.record.training_rows import training_rows
from ikura.study.record.versions import versions

__all__ = ["Model"]

_LOGGER = logging.getLogger("ikura")
BLOCK, IMAGES = 8192, 512
"""Rows that are predicted together, of tables and of examples with a shape."""
MOST_NUMBERS = 1 << 25
MAPPED = 65_536
"""Rows of an array on disk that are read together."""


class Model:
    """A trained network that takes data as they were given for training.

    Args:
        network: the trained module, or a built-in network as arrays.
        encoder: turns frames or arrays into the network's inputs.
        description: task, classes, target, target_mean, target_std, and `network`: the arguments of `MLP`, those of an
            `EnsembleNetwork` with its members', the name of a network of the zoo, what it was pretrained from, or None
            for a caller's own module; JSON values.
        recorded: the operations of a caller's own network, if they could be recorded.
        plain: the network as its author wrote it, where `network` is made of its parts.
        run: the run folder that it is from; None where it is in none.
        loss: what the network was trained to make small, which makes predictions of its outputs; None for that of the
            description.
    """

    def __init__(
        self,
        network: nn.Module | ArrayNetwork,
        encoder: Encoder,
        description: Mapping[str, Any],
        recorded: Recorded | None = None,
        plain: nn.Module | None = None,
        run: Path | None = None,
        loss: Loss | None = None,
    ) -> None:
        self.loss = _loss_of(description) if loss is None else loss
        self._network = network if isinstance(network, ArrayNetwork) else network.eval()
        self.encoder = encoder
        self.description = dict(description)
        self.recorded = recorded
        self._plain = plain
        self._run = run

    @property
    def network(self) -> nn.Module:
        """The trained network as it predicts, a module of PyTorch."""
        return self._network.module if isinstance(self._network, ArrayNetwork) else self._network

    @property
    def arrays(self) -> ArrayNetwork | None:
        """The network as arrays, where it is a built-in one."""
        return self._network if isinstance(self._network, ArrayNetwork) else None

    @property
    def members(self) -> list[ArrayMLP]:
        """The networks of an ensemble; none of a single network."""
        return self._network.members if isinstance(self._network, ArrayEnsemble) else []

    @property
    def weights(self) -> int:
        """Number of its weights."""
        if isinstance(self._network, ArrayNetwork):
            return self._network.size
        return sum(one.numel() for one in self.module.parameters())

    @property
    def module(self) -> nn.Module:
        """The trained network as plain PyTorch, in evaluation mode, its parameters under their author's names.

        It is of the class that the factory makes: `MyNet(...).load_state_dict(model.module.state_dict())` works. It
        takes what the network took in training, inputs that are encoded already (`encoder`), and gives its raw outputs.
        Where a network of the caller's own was loaded without its factory, it is one of the same operations and
        parameters (docs/own_networks.md). An ensemble is an `ikura.nn.ensemble.EnsembleNetwork`, whose `members` are
        its networks.
        """
        return self.network.eval() if self._plain is None else self._plain.eval()

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What the network was made from: the chosen hyperparameters, and inputs, outputs and shape of an example."""
        return Hyperparameters(self.description["hyperparameters"])

    @property
    def task(self) -> str:
        """One of "binary", "multiclass", "multilabel", "regression" and "own"."""
        task: str = self.description["task"]
        return task

    @property
    def classes(self) -> list[Any] | None:
        """The classes in the order of the probabilities; None for regression."""
        classes: list[Any] | None = self.description["classes"]
        return classes

    def _raw(self, data: Any) -> np.ndarray:
        if isinstance(self._network, ArrayNetwork):
            return self._outputs(data)
        # A network of the caller's may draw numbers in evaluation too: the same ones each time.
        own = self.description.get("network") is None
        with torch.no_grad(), seeded(self.description.get("key", 0)) if own else nullcontext():
            return self._outputs(data)

    def _outputs(self, data: Any) -> np.ndarray:
        if stays_on_disk(data):
            blocks = [self._outputs(np.array(data[i : i + MAPPED])) for i in range(0, len(data), MAPPED)]
            return np.concatenate(blocks)
        x, codes = self.encoder.transform(data)
        network = self._network
        parts: list[Any] = []
        shape = x.inputs[0].example_shape if isinstance(x, NetworkInputs) else x.shape[1:]
        block = max(1, min(BLOCK if len(shape) == 1 else IMAGES, MOST_NUMBERS // max(prod(shape), 1)))
        for i in range(0, max(len(x), 1), block):
            rows = slice(i, i + block)
            if isinstance(network, ArrayNetwork):
                assert isinstance(x, np.ndarray)
                parts.append(network(self.encoder.numbers(x[rows], network.dtype.name), codes[rows]))
            else:
                parts.append(call_forward(network, self._features(x, rows, network), torch.from_numpy(codes[rows])))
        mean, std = self.description["target_mean"], self.description["target_std"]
        shape = tuple(self.description.get("target_shape") or ())
        if isinstance(network, ArrayNetwork):
            found = np.concatenate(parts)
            wide = found.astype(np.float64) if "temperature" in self.description else found
            return self._within(np.asarray(self.loss.predict(self.task, wide, mean, std, shape)))
        outputs = pytree.tree_map(lambda *each: torch.cat(each) if isinstance(each[0], Tensor) else each[0], *parts)
        if "temperature" in self.description:
            # Probabilities near 0 and 1 are told apart before they are heated.
            outputs = pytree.tree_map(lambda one: one.double() if isinstance(one, Tensor) else one, outputs)
        return self._within(as_array(self.loss.predict(self.task, outputs, mean, std, shape)))

    def _within(self, found: np.ndarray) -> np.ndarray:
        """Values no further than those that the model was trained on, where it keeps to them."""
        return found.clip(*self.description["bounds"]) if "bounds" in self.description else found

    def _features(self, x: np.ndarray | NetworkInputs, rows: slice, network: nn.Module) -> Features:
        """Some of the examples as a network takes them."""
        dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
        name = str(dtype).removeprefix("torch.")
        if isinstance(x, NetworkInputs):
            return as_features(x.in_precision(name).read(rows), x)
        numbers = self.encoder.numbers(x[rows], name)
        tensor = torch.from_numpy(numbers)
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    def predict(self, data: Any, costs: Mapping[tuple[Any, Any], float] | None = None) -> np.ndarray:
        """Predict classes or values.

        Args:
            data: a table with the columns of training, an array of its shape, or inputs as they were in training: a
                tuple, a dictionary or a list of sequences; for images also the path of an image file or of a folder of
                them, or a list of paths or of Pillow images.
            costs: of classes, what mistakes cost: (truth, answer) to a number; others cost 1. The answer is then what
                costs least in expectation (docs/probabilities.md).

        Returns:
            The likeliest class or the value of each row, shape (rows,); several values, or labels, in the shape of the
            target, (rows, targets) for columns of a table; where the loss is your own and says what is learned, the
            outputs.

        Raises:
            DataError: a column is missing, or a value cannot be used.
        """
        if costs is not None and self.task not in ("binary", "multiclass"):
            raise UsageError(f"costs are of classes, and this model's task is {self.task}; leave them out")
        if self.task == "own":
            return self._raw(data)
        if self.task == "regression":
            return self._regressed(data)
        if self.task == "multilabel":
            return self._labels(self._raw(data))
        return self._answers(self._probabilities(data), costs)

    def predict_interval(self, data: Any, level: float = 0.9) -> pd.DataFrame:
        """Predict between which values the value of each row lies: lower and upper, one row an example.

        They are made of the errors of rows that the model was not trained on, and hold the share `level` of rows that
        are like those of training (docs/probabilities.md).

        Args:
            data: as for `predict`.
            level: share of rows whose value is to lie within, between 0 and 1.

        Raises:
            UsageError: the model predicts no single value, keeps no such errors, or too few for this level.
        """
        return self._ends(self._regressed(data), level)

    def _regressed(self, data: Any) -> np.ndarray:
        return self._raw(data).astype(np.float64)

    def _ends(self, predictions: np.ndarray, level: float) -> pd.DataFrame:
        if self.task != "regression" or self.description.get("target_shape"):
            what = "several values" if self.task == "regression" else self.task
            raise UsageError(f"intervals are of one value to predict, and this model's task is {what}")
        if "errors" not in self.description:
            raise UsageError(
                "the model keeps no errors of rows that it was not trained on, as one of an earlier ikura; tune again"
            )
        lower, upper = HeldOutErrors.of(self.description["errors"]).ends(predictions, level)
        return pd.DataFrame({"lower": lower, "upper": upper})

    def _answers(self, shares: np.ndarray, costs: Mapping[tuple[Any, Any], float] | None = None) -> np.ndarray:
        """The classes to answer: what costs least, or the likeliest, of two the second from the threshold on."""
        classes, threshold = self.classes or [], self.description.get("threshold")
        if costs is not None:
            places = cheapest(shares, cost_matrix(costs, classes))
        else:
            places = shares.argmax(1) if threshold is None else answers_at(shares[:, 1], float(threshold))
        found: np.ndarray = np.asarray(classes)[places]
        return found

    @property
    def targets(self) -> list[str] | None:
        """Names of several target columns, in the order of the predictions; None where there are none."""
        targets: list[str] | None = self.description.get("targets")
        return targets

    def _labels(self, shares: np.ndarray) -> np.ndarray:
        """Labels of probabilities: 0 and 1, or the two values that a column of a table has."""
        held = shares > 0.5
        levels = self.description.get("levels")
        if levels is None:
            return held.astype(np.int64)
        alike = len({type(one) for two in levels for one in two}) == 1
        named = np.array(levels, None if alike else object)
        return np.where(held, named[:, 1], named[:, 0])

    def _probabilities(self, data: Any) -> np.ndarray:
        p = at_temperature(self._raw(data).astype(np.float64), float(self.description.get("temperature", 1.0)))
        return np.stack([1 - p, p], 1) if self.task == "binary" else p

    def predict_proba(self, data: Any) -> pd.DataFrame:
        """Predict the probability of each class: one column a class, one row an example.

        Raises:
            UsageError: the task has none.
        """
        if self.task in ("regression", "own"):
            raise UsageError(f"a task of {self.task} has no probabilities; use predict")
        return pd.DataFrame(self._probabilities(data), columns=self.classes)

    def predict_frame(
        self, data: Any, costs: Mapping[tuple[Any, Any], float] | None = None, interval: float | None = None
    ) -> pd.DataFrame:
        """Predict a table: `prediction`, and for classes `probability_<class>` for each of them; image files by name.

        Of several target columns each has a column of its name, labels also `probability_<name>`, that of the second of
        the two values. Where the data are image files, `file` is the first column. costs: as for `predict`. interval:
        the level of the columns `lower` and `upper`, as for `predict_interval`.
        """
        if interval is not None:
            self._ends(np.zeros(0), interval)
        files = self.encoder.names(data)
        named = {} if files is None else {"file": files}
        if self.task in ("regression", "own", "multilabel"):
            shares = self._probabilities(data) if self.task == "multilabel" else np.empty((0, 0))
            found = self._labels(shares) if self.task == "multilabel" else self.predict(data)
            columns = {"prediction": found} if found.ndim == 1 else _columns(found, self.targets)
            named_labels = (self.targets or range(shares.shape[1])) if self.task == "multilabel" else ()
            columns |= {f"probability_{name}": shares[:, k] for k, name in enumerate(named_labels)}
            if interval is not None:
                ends = self._ends(found, interval)
                columns |= {"lower": ends["lower"].to_numpy(), "upper": ends["upper"].to_numpy()}
            return pd.DataFrame({**named, **columns})
        probabilities = self._probabilities(data)
        frame = pd.DataFrame({**named, "prediction": self._answers(probabilities, costs)})
        for i, name in enumerate(self.classes or []):
            frame[f"probability_{name}"] = probabilities[:, i]
        return frame

    def export(self, path: str | Path, data: Any = None) -> Path:
        """Write the network with its preprocessing for others to run: .onnx, or .pt2 of torch.export.

        What is written is tried beside the model before it is kept: probabilities may differ by 1e-5, values by 1e-5 of
        the largest one. docs/own_networks.md says what the files take and give.

        Args:
            path: a file that ends in .onnx (needs the extra `onnx`) or in .pt2.
            data: rows to try it on, as `predict` takes them; by default training rows of the run, or made-up ones where
                there is no run or its data are gone.

        Returns:
            The path.

        Raises:
            UsageError: the path is of neither kind, the extra is not installed, the network uses what the format lacks,
                or what was written differs from the model.

        Example:
            >>> import tempfile, ikura
            >>> run = tempfile.mkdtemp() + "/iris"
            >>> study = ikura.tune("iris", trials=2, epochs=2, finalists=0, out=run)
            >>> study.model.export(f"{run}/iris.pt2").name
            'iris.pt2'
        """
        from ikura.export.exported_file import Deployment, example_of, exported, exported_path
        from ikura.export.onnx_file import onnx_bytes
        from ikura.export.pt2_file import pt2_bytes

        if len(self.description.get("target_shape") or ()) > 1 or self.task == "own":
            raise UsageError(
                "a model of values of more than one dimension, or of a loss that says what is learned, has no file yet"
            )
        found = exported_path(path, *([] if self._run is None else run_files(self._run)))
        data = self._training_rows() if data is None else data
        networks = [self.network, *([] if self.recorded is None else [self._recorded_network()])]
        deployments = [Deployment(network, self.encoder, self.description) for network in networks]
        with default_torch_settings():
            example = example_of(deployments[0], data, self._expected)
            content = exported(deployments, example, onnx_bytes if found.suffix.lower() == ".onnx" else pt2_bytes)
        write_output(found, content)
        return found

    def _expected(self, data: Any) -> np.ndarray:
        """Probabilities or values of rows, as files give them."""
        return self._raw(data).astype(np.float64) if self.task == "regression" else self._probabilities(data)

    def _recorded_network(self) -> nn.Module:
        """A network of the recorded operations with the present weights."""
        assert self.recorded is not None
        network = self.recorded.module()
        network.load_state_dict(self.network.state_dict())
        buffers = dict(self.network.named_buffers())
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])
        return network

    def _training_rows(self) -> Any:
        """Training rows of the run that the model is from; None where there are none."""
        if self._run is None:
            return None
        try:
            return training_rows(self._run)
        except UsageError as error:
            _LOGGER.warning("the exported network is tried on made-up rows: %s", error)
            return None

    def save(self, folder: str | Path) -> Path:
        """Write weights.safetensors, model.json and, of a network of the caller's own, graph.json.

        Returns:
            The folder.
        """
        folder = Path(folder)
        weights = self._weights()
        write_atomically(folder / "weights.safetensors", weights)
        content = {
            **self.description,
            "format": OF_ENSEMBLE if self.members else FORMAT,
            "encoder": self.encoder.to_dict(),
            "weights": digest(weights),
            "versions": versions(),
        }
        if self.recorded is not None:
            content["graph"] = self.recorded.write(folder)
        content["seal"] = seal(content)
        write_atomically(folder / "model.json", json.dumps(content, indent=1, allow_nan=False).encode())
        return folder

    def _weights(self) -> bytes:
        """The content of weights.safetensors."""
        if isinstance(self._network, ArrayNetwork):
            return of_arrays.save({name: np.asarray(one, order="C") for name, one in self._network.state.items()})
        from safetensors.torch import save

        tensors = {name: tensor.contiguous().clone() for name, tensor in self.network.state_dict().items()}
        kept = {name: buffer for name, buffer in self.network.named_buffers() if name not in tensors}
        tensors |= {f"{BUFFER}{name}": buffer.contiguous().clone() for name, buffer in kept.items()}
        arrays = attributes.read(self.network, set(self.description.get("attributes", [])))
        tensors |= {name: torch.from_numpy(array) for name, array in arrays.items()}
        if self.recorded is not None:
            tensors |= {name: tensor.contiguous().clone() for name, tensor in self.recorded.constants.items()}
        return save(tensors)


def _columns(found: np.ndarray, targets: list[str] | None) -> dict[str, np.ndarray]:
    """Several values of each row as columns, called as the targets are if these have names."""
    flat = found.reshape(len(found), prod(found.shape[1:]))
    return {f"prediction_{k}" if targets is None else targets[k]: flat[:, k] for k in range(flat.shape[1])}


def _loss_of(description: Mapping[str, Any]) -> Loss:
    """The loss of a model, as far as it makes predictions.

    Raises:
        UsageError: it is the caller's own, makes predictions by a function, and is not here.
    """
    task, text = description["task"], description.get("loss")
    if not description.get("own_loss"):
        return chosen_loss(text) or usual_loss(task)
    if isinstance(text, str) and text in LOSSES:
        return LOSSES[text]
    if description.get("own_prediction"):
        raise UsageError(f"the loss {text!r}, which makes predictions of outputs, is your own; give loss=…")
    return Loss(str(text), own=lambda outputs, target: outputs, targets=Targets.AS_GIVEN)
