"""The card of the weights of a network that reads a rigid motion off a pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from regkit.errors import ParameterError
from regkit.learning import PairCard
from regkit.learning.domain_guard import FEATURE_NAMES
from regkit.registration.parameters import check_each, check_ranges
from regkit_pairnets.pose_parameterization import PoseParameterization

Six = tuple[float, float, float, float, float, float]
InputOrder = Literal["fixed-moving", "moving-fixed"]
_RECONSTRUCTION = (
    "reconstruction: the layers were never published; these are chosen so that the published "
    "number of parameters, {}, is met exactly"
)
_AUTHORS = "after the authors' public code ({}), built anew; its outputs are reproduced"
SOURCES = {
    "dvnet": _RECONSTRUCTION.format("5,440,764"),
    "msreg": _RECONSTRUCTION.format("11,820,998"),
    "densenet": _AUTHORS.format("DuSFE_CrossRegistration without its exchange modules"),
    "densenet-nonlocal": _RECONSTRUCTION.format("11,419,846"),
    "dusfe": (
        "after the paper's equations; with fuse_batchnorm after the authors' public code "
        "(DuSFE_CrossRegistration), built anew; the outputs of both are reproduced"
    ),
    "attention-reg": _AUTHORS.format("Attention-Reg")
    + "; the contrastive pre-training was never published and is our own",
}


@dataclass(frozen=True, kw_only=True)
class PairNetCard(PairCard):
    """The card of a pair network's weights.

    Parameters
    ----------
    parameterization
        Meaning of the network's six numbers.
    input_order
        Order of the two inputs.
    output_scale
        Factors from the six outputs to the numbers of the parameterization.
    fill_value
        Intensity outside an image; intensities of images lie within 0 and 1.
    """

    package: ClassVar[str] = "regkit_pairnets"
    network_sources: ClassVar[Mapping[str, str]] = SOURCES

    parameterization: PoseParameterization
    input_order: InputOrder
    output_scale: Six
    fill_value: float = -0.5

    def __post_init__(self) -> None:
        """Refuse what no training writes."""
        if self.network != self.method:
            raise ParameterError(f"weights of {self.network} cannot be those of {self.method}")
        check_each(self, 1, 4096, "shape_zyx")
        check_each(self, 1e-3, 1e3, "spacing")
        check_each(self, -1e9, 1e9, "output_scale")
        check_ranges(self, fill_value=(-1e9, 1e9))
        super().__post_init__()
        for domain in (self.fixed, self.moving):
            check_each(domain, 1e-3, 1e5, "extent_mm")
            check_each(domain, -1e9, 1e9, "center_of_mass_offset_mm")
            if not domain.ranges.keys() <= FEATURE_NAMES.keys():
                known, got = ", ".join(FEATURE_NAMES), ", ".join(domain.ranges)
                raise ParameterError(f"ranges may be of {known}, got {got}")

    def build_network(self) -> Any:
        """Return the network with random weights."""
        from regkit_pairnets.catalogue import build_pair_network  # noqa: PLC0415 - loads torch

        shape = self.parameterization.shape(self.grid((0.0, 0.0, 0.0)))
        return build_pair_network(self.network, shape, **self.switches)
