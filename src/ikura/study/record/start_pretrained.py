"""Starting from a pretrained network."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from torch import nn

from ikura.data.encoder import ArrayEncoder, ImageEncoder
from ikura.errors import UsageError
from ikura.population.factory import build
from ikura.population.member import Hyperparameters
from ikura.study.record.pretrained import Pretrained, load_weights, plain_module

__all__ = ["pretrained"]

_LOGGER = logging.getLogger("ikura")


def pretrained(
    source: str | Path | nn.Module,
    freeze: str = "auto",
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
) -> Pretrained:
    """Start a study from a pretrained network: `ikura.tune(data, network=ikura.pretrained("runs/old"))`.

    The last linear layer is replaced by a new head. What is frozen runs once; its outputs are kept, and the population
    trains on them.

    Args:
        source: a run or model folder of ikura; a file of weights (.safetensors, or a `state_dict` saved by
            `torch.save`), with `network`; or a trained `nn.Module`.
        freeze: "all" (only the head learns), "most" (the last layer or block learns too), "none" (everything learns),
            or "auto": below 2,000 examples the way with the least cross-validated loss, "none" from there on.
        network: for a file of weights or a network of the caller's own: the factory of the module.
        hyperparameters: what that factory reads.

    Returns:
        A factory for `tune`.

    Raises:
        UsageError: the source cannot be used, or freeze is unknown.

    Example:
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> start = pretrained(net, freeze="all")
        >>> import torch
        >>> start(Hyperparameters(outputs=2))(torch.ones(5, 8)).shape
        torch.Size([5, 2])

    References:
        Yosinski et al. 2014, How transferable are features in deep neural networks? arXiv:1411.1792.
    """
    from ikura.nn.ensemble import EnsembleNetwork

    if isinstance(source, nn.Module):
        return Pretrained(deepcopy(source), freeze)
    path = Path(source)
    if path.is_dir():
        from ikura.study.record.load_model import load_model

        model = load_model(path, network)
        form = {name: model.description[name] for name in ("network", "hyperparameters")}
        module = model.network
        if isinstance(module, EnsembleNetwork):
            module, form["network"] = module.members[0], form["network"]["members"][0]
            _LOGGER.info("%s: an ensemble; the study starts from the first of its networks", path)
        encoder = model.encoder if isinstance(model.encoder, ArrayEncoder | ImageEncoder) else None
        known = form if form["network"] is not None else None
        return Pretrained(plain_module(module, str(path)), freeze, known, encoder)
    if not path.is_file():
        raise UsageError(f"{path}: no such run, model folder or file of weights")
    if network is None:
        raise UsageError(f"{path}: a file of weights needs the network they belong to; give its factory as network=…")
    module = build(network, dict(hyperparameters or {}), 0, str(path))
    load_weights(module, path)
    return Pretrained(module, freeze)
