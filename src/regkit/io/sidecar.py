"""The modality of a NIfTI or MGH file: of a JSON file beside it, or of marks in its header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regkit.regular_file import regular_file
from regkit.structured_text import parse_json

# DICOM's names, which dcm2niix writes to the field Modality of the JSON file, and BIDS keeps.
_MODALITIES = {"CT": "ct", "MR": "mr", "PT": "pet", "NM": "spect", "US": "us"}


def sidecar_modality(path: Path) -> str:
    """Return the modality that the JSON file beside an image states; empty if there is none.

    Parameters
    ----------
    path
        Image file; ``image.nii.gz`` and ``image.nii`` have the sidecar ``image.json``.
    """
    name = path.name.removesuffix(".gz")
    sidecar = path.with_name(name.rsplit(".", 1)[0] + ".json")
    try:
        content = parse_json(regular_file(sidecar).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return ""
    stated = content.get("Modality") if isinstance(content, dict) else None
    return _MODALITIES.get(str(stated).upper(), "")


def description_modality(header: Any) -> str:
    """Return ``mr`` for a NIfTI header that gives an echo time or FreeSurfer; else empty.

    Parameters
    ----------
    header
        NIfTI header; dcm2niix writes ``TE=`` to the description of MR.
    """
    text = bytes(header["descrip"]).decode("latin-1")
    return "mr" if "TE=" in text or text.startswith("FreeSurfer") else ""
