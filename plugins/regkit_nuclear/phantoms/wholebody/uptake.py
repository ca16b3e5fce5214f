"""FDG uptake in standardised uptake values (SUV), and HU of the tissues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from regkit_nuclear.painting.random_streams import truncated_lognormal, truncated_normal

HU: Mapping[str, float] = MappingProxyType(
    {
        "air": -1000,
        "gas": -900,
        "lung": -830,
        "fat": -100,
        "water": 8,
        "stool": -20,
        "bowel": 30,
        "soft": 42,
        "muscle": 55,
        "blood": 42,
        "liver": 60,
        "spleen": 50,
        "kidney": 34,
        "brain": 36,
        "cartilage": 110,
        "spongy": 190,
        "marrow": -20,
        "bone": 650,
        "skull": 950,
    }
)

# Mean, standard deviation, lowest and highest SUV of a fasting patient an hour after injection;
# chosen by hand.
_SUV = {
    "fat": (0.25, 0.06, 0.1, 0.4),
    "muscle": (0.65, 0.12, 0.35, 1.0),
    "skin": (0.6, 0.1, 0.4, 0.9),
    "lung": (0.45, 0.09, 0.25, 0.7),
    "blood": (1.55, 0.25, 1.0, 2.2),
    "liver": (2.25, 0.35, 1.5, 3.2),
    "spleen": (1.8, 0.3, 1.2, 2.6),
    "pancreas": (1.5, 0.25, 1.0, 2.2),
    "adrenal": (1.5, 0.3, 0.9, 2.3),
    "kidney": (2.4, 0.4, 1.6, 3.6),
    "stomach": (2.0, 0.5, 1.1, 3.4),
    "small_bowel": (1.6, 0.4, 0.9, 3.0),
    "marrow": (1.5, 0.3, 0.8, 2.4),
    "bone": (0.6, 0.1, 0.35, 0.9),
    "cord": (1.6, 0.3, 1.0, 2.3),
    "gland": (1.0, 0.25, 0.6, 1.7),
    "thyroid": (1.4, 0.35, 0.8, 2.4),
    "tonsil": (3.2, 0.9, 1.6, 5.5),
    "salivary": (1.9, 0.4, 1.2, 3.0),
    "grey_matter": (10.0, 1.5, 6.5, 14.0),
    "uterus": (1.9, 0.5, 1.1, 3.5),
    "prostate": (1.5, 0.3, 1.0, 2.3),
}
# Median, standard deviation of the logarithm, lowest and highest SUV of tissues that vary by
# orders of magnitude; chosen by hand.
_SKEWED = {
    "myocardium": (2.6, 0.75, 0.8, 12.0),
    "colon": (1.6, 0.4, 0.8, 4.5),
    "renal_pelvis": (7.0, 0.5, 3.0, 18.0),
    "bladder": (18.0, 0.5, 6.0, 50.0),
}


@dataclass(frozen=True)
class WholeBodyUptake:
    """SUV of every tissue; ``uptake["liver"]``."""

    suv: Mapping[str, float]

    def __getitem__(self, tissue: str) -> float:
        return self.suv[tissue]


def draw_whole_body_uptake(rng: np.random.Generator) -> WholeBodyUptake:
    """Draw one patient's uptake."""
    suv = {tissue: truncated_normal(rng, *limits) for tissue, limits in _SUV.items()}
    suv |= {tissue: truncated_lognormal(rng, *limits) for tissue, limits in _SKEWED.items()}
    suv["white_matter"] = 0.42 * suv["grey_matter"]
    suv["cerebellum"] = 0.85 * suv["grey_matter"]
    suv["air"] = 0.0
    suv["gas"] = 0.25
    suv["water"] = 0.6
    return WholeBodyUptake(suv)
