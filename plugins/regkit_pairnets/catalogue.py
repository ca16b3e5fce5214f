"""The networks by their names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regkit.errors import UnknownNameError
from regkit.learning.layers import check_switches
from regkit_pairnets.networks.attention_reg import AttentionReg
from regkit_pairnets.networks.densenet import DenseNet
from regkit_pairnets.networks.densenet_nonlocal import NonLocalDenseNet
from regkit_pairnets.networks.dusfe import DuSFE
from regkit_pairnets.networks.dvnet import DVNet
from regkit_pairnets.networks.msreg import MSReg
from regkit_pairnets.networks.msreg_original import OriginalMSReg
from regkit_pairnets.networks.pair_network import GridShape, PairNetwork

NETWORKS: Mapping[str, type[PairNetwork]] = {
    "dvnet": DVNet,
    "msreg": MSReg,
    "msreg-original": OriginalMSReg,
    "densenet": DenseNet,
    "densenet-nonlocal": NonLocalDenseNet,
    "dusfe": DuSFE,
    "attention-reg": AttentionReg,
}


def pair_network_names() -> tuple[str, ...]:
    """Return the names that `build_pair_network` knows."""
    return tuple(NETWORKS)


def build_pair_network(name: str, grid_shape: GridShape, **switches: Any) -> PairNetwork:
    """Build a network with random weights.

    Parameters
    ----------
    name
        Name of the network, one of `pair_network_names`.
    grid_shape
        Number of voxels along the three axes of the tensors, in their order: x, y, z for the
        DuSFE family (80, 80, 40 in its code), z, y, x for the prostate networks (32, 96, 96).
    switches
        Parameters of the network's class. All have ``width``, a factor on the channels.

    Returns
    -------
    PairNetwork
        A module whose ``forward(input_a, input_b)`` takes two tensors (batch, 1, *grid_shape) and
        returns (batch, 6): three translations, then three angles about the same axes in degrees.

    Raises
    ------
    UnknownNameError
        There is no such network.
    ParameterError
        It has no such switch, a switch cannot take its value, or the grid is too small.
    """
    if name not in NETWORKS:
        raise UnknownNameError(f"no network is called '{name}'; available: {', '.join(NETWORKS)}")
    kind = NETWORKS[name]
    check_switches(kind, name, switches)
    return kind(grid_shape, **switches)
