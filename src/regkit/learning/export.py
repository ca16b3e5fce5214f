"""Trained weights written to a file, with their card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from regkit.io.atomic_output import atomic_output
from regkit.weights import CARD_SUFFIX, SUFFIX, card_signature, sha256


def write_weights(folder: Path, method: str, network: nn.Module, card: Mapping[str, Any]) -> None:
    """Write ``METHOD.safetensors`` and ``METHOD.json``, both or neither.

    Parameters
    ----------
    folder
        Folder of both files.
    method
        Name of the method.
    network
        The trained network.
    card
        Card as plain data; the digest of the weights is added as ``sha256``, that of the card as
        ``signature``.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    state = {key: t.detach().cpu().contiguous() for key, t in network.state_dict().items()}
    with atomic_output(folder) as stage:
        weights = stage.path(f"{method}{SUFFIX}")
        weights.write_bytes(save(state))  # `save_file` creates files readable by the owner only
        content = json.loads(json.dumps({**card, "sha256": sha256(weights)}))
        text = json.dumps({**content, "signature": card_signature(content)}, indent=1) + "\n"
        stage.path(f"{method}{CARD_SUFFIX}").write_text(text, encoding="utf-8")
