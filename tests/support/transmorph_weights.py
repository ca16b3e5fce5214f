"""Weights of a small network, and what goes around them."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from regkit.weights import sha256, sign
from regkit_transmorph import build_transmorph
from regkit_transmorph.card import TransMorphCard, WindowedDomain

ANYTHING = dict.fromkeys(("mean", "std", "known_fraction", "voxel_mm"), (-10.0, 1000.0))
SMALL = {"width": 0.125, "depths": [2, 2], "heads": [2, 2], "mlp_hidden": 8}


WINDOWS = {"ct": (-300.0, 300.0), "pet": (0.0, 15.0)}


def domain(modality: str, ranges: dict = ANYTHING) -> WindowedDomain:
    """Return what a network was trained on; `card` knows the size of its field of view."""
    window = WINDOWS[modality]
    return WindowedDomain(
        modalities=(modality,), extent_mm=(1.0, 1.0, 1.0), ranges=ranges, window=window
    )


def card(**changes) -> TransMorphCard:
    plain = TransMorphCard(
        method="transmorph-cr",
        network="cr",
        switches=SMALL,
        shape_zyx=(24, 16, 20),
        spacing=(20.0, 22.0, 18.0),
        fixed=domain("ct"),
        moving=domain("pet"),
        passes=2,
    )
    made = replace(plain, **changes)
    extent = made.grid((0.0, 0.0, 0.0)).extent
    fixed, moving = (replace(one, extent_mm=extent) for one in (made.fixed, made.moving))
    return replace(made, fixed=fixed, moving=moving)


def write_weights(folder: Path, its_card: TransMorphCard | None = None) -> Path:
    """Write random weights and their card as a training would."""
    torch.manual_seed(1)
    its_card = its_card or card()
    file = folder / f"{its_card.method}.safetensors"
    network = build_transmorph(its_card.network, its_card.shape_zyx, **its_card.switches)
    save_file(network.state_dict(), file)
    its_card = replace(its_card, sha256=sha256(file))
    file.with_suffix(".json").write_text(json.dumps(its_card.to_json()))
    sign(file)
    return file
