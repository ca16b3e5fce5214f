"""Weights of a small network, and what goes around them."""

import json
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from regkit.weights import sha256
from regkit_transmorph import build_network
from regkit_transmorph.card import Card, Look

ANYTHING = dict.fromkeys(("mean", "deviation", "known", "voxel_mm"), (-10.0, 1000.0))
SMALL = {"width": 0.125, "depths": [2, 2], "heads": [2, 2], "hidden": 8}


def card(**changes) -> Card:
    plain = Card(
        method="transmorph-cr",
        variant="cr",
        switches=SMALL,
        shape_zyx=(24, 16, 20),
        spacing=(20.0, 22.0, 18.0),
        fixed=Look("ct", (-300.0, 300.0), ANYTHING),
        moving=Look("pet", (0.0, 15.0), ANYTHING),
        passes=2,
    )
    return replace(plain, **changes)


def write_weights(folder: Path, its_card: Card | None = None) -> Path:
    """Write random weights and their card as a training would."""
    torch.manual_seed(1)
    its_card = its_card or card()
    file = folder / f"{its_card.method}.safetensors"
    network = build_network(its_card.variant, its_card.shape_zyx, **its_card.switches)
    save_file(network.state_dict(), file)
    its_card = replace(its_card, sha256=sha256(file))
    file.with_suffix(".json").write_text(json.dumps(its_card.as_json()))
    return file
