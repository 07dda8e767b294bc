"""Mini-batches as tensors on a device, made when they are asked for."""

from __future__ import annotations

import numpy as np

from ikura.data.images.pixel_memory import is_mapped
from ikura.lazy_torch import Tensor, torch
from ikura.nn.augmentation import Augment
from ikura.population.examples import Examples
from ikura.population.inputs import Features, tensors_of

__all__ = ["Batches"]


class Batches:
    """The rows of examples as a stacked tile takes them.

    One array in memory is put on the device as a whole; images mapped from a file, several inputs and arrays on disk
    one mini-batch at a time.

    Args:
        examples: in the order of the epoch.
        device: where to.
        task: "binary", "multiclass" or "regression".
    """

    def __init__(self, examples: Examples, device: torch.device, task: str) -> None:
        self.examples, self.device = examples, device
        y = torch.from_numpy(examples.y).to(device)
        self.dtype = y.dtype
        self.y = y.long() if task == "multiclass" or examples.whole_targets else y
        self.weights: Tensor | None = None
        if examples.weights is not None:
            self.weights = torch.from_numpy(examples.weights).to(device, self.dtype)
        self.codes = torch.from_numpy(examples.codes).to(device)
        self.x: Tensor | None = None
        self.order: Tensor | None = None
        if examples.several:
            return
        if examples.standard is None:
            self.x = torch.from_numpy(examples.array).to(device)
            return
        mean, std = (np.array(values)[:, None, None] for values in (examples.standard.mean, examples.standard.std))
        self.mean, self.std = (torch.from_numpy(values).to(device, self.dtype) for values in (mean, std))
        self.full = torch.tensor(255.0, dtype=self.dtype, device=device)
        if device.type != "cpu" and not is_mapped(examples.array):
            self.x = torch.from_numpy(examples.array).to(device)
            self.order = None if examples.order is None else torch.from_numpy(examples.order).to(device)

    def __call__(self, rows: slice, augment: Augment | None = None, epoch: int = 0) -> tuple[Features, Tensor, Tensor]:
        """Make one mini-batch.

        Args:
            rows: where it lies in the epoch.
            augment: changes images; None leaves them as they are.
            epoch: of the training.

        Returns:
            Features, shape (rows, ...), or (members, rows, ...) where images were changed, or several inputs; codes;
            targets.
        """
        if self.examples.several:
            return tensors_of(self.examples, rows).to(self.device), self.codes[rows], self.y[rows]
        return self._features(rows, augment, epoch), self.codes[rows], self.y[rows]

    def numbers(self, rows: slice, augment: Augment | None = None, epoch: int = 0) -> np.ndarray:
        """Make the features of one mini-batch for a single member, as a kernel takes them.

        Args:
            rows, epoch: as above.
            augment: changes images; made for the one member.

        Returns:
            Floats of shape (rows, ...).
        """
        x = self._features(rows, augment, epoch)
        return (x if augment is None else x[0]).cpu().numpy()

    def _features(self, rows: slice, augment: Augment | None, epoch: int) -> Tensor:
        if self.examples.standard is None:
            assert self.x is not None
            return self.x[rows]
        images = self._raw(rows).to(self.dtype).div_(self.full)
        changed = images if augment is None else augment(images, epoch, rows.start or 0)
        x = (changed - self.mean).div_(self.std)
        return x.flatten(-3) if self.examples.flattened else x

    def _raw(self, rows: slice) -> Tensor:
        if self.x is None:
            return torch.from_numpy(np.ascontiguousarray(self.examples.raw(rows))).to(self.device)
        return self.x[rows] if self.order is None else self.x[self.order[rows]]
