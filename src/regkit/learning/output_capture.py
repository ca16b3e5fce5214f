"""Outputs of modules inside a network, collected while it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from torch import Tensor, nn

Captured: TypeAlias = dict[nn.Module, Tensor]


@contextmanager
def captured_outputs(modules: Iterable[nn.Module]) -> Iterator[Captured]:
    """Collect the last output of each of some modules; one that did not run is missing.

    Parameters
    ----------
    modules
        Parts of a network whose outputs are single tensors.

    Yields
    ------
    dict
        Module -> its last output so far, on its device.
    """
    captured: Captured = {}

    def keep(module: nn.Module, _: object, output: Tensor) -> None:
        captured[module] = output.detach()

    handles = [module.register_forward_hook(keep) for module in modules]
    try:
        yield captured
    finally:
        for handle in handles:
            handle.remove()
