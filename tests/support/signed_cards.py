"""Cards of weights as training writes them."""

import json
from pathlib import Path
from typing import Any

from regkit.weights import card_signature


def write_signed_card(file: Path, content: dict[str, Any]) -> None:
    """Write the card of a file of weights, signed."""
    signed = content | {"signature": card_signature(content)}
    file.with_suffix(".json").write_text(json.dumps(signed))
