"""Multi-modal 3-D medical image registration behind one interface.

Arrays are z, y, x; anything in millimetres is x, y, z in LPS. A `Transform` maps points from the
fixed to the moving image; volumes are resampled through it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit.case import Case as Case
    from regkit.case import Dataset as Dataset
    from regkit.errors import RegkitError as RegkitError
    from regkit.euler import rigid as rigid
    from regkit.grid import Grid as Grid
    from regkit.io import read_labels as read_labels
    from regkit.io import read_landmarks as read_landmarks
    from regkit.io import read_volume as read_volume
    from regkit.io import write_landmarks as write_landmarks
    from regkit.io import write_volume as write_volume
    from regkit.io.transforms import read_transform as read_transform
    from regkit.io.transforms import write_transform as write_transform
    from regkit.plugin import DatasetSpec as DatasetSpec
    from regkit.plugin import MethodSpec as MethodSpec
    from regkit.plugin import MetricSpec as MetricSpec
    from regkit.plugin import hookimpl as hookimpl
    from regkit.registrar import Estimate as Estimate
    from regkit.registrar import Pair as Pair
    from regkit.registrar import Registrar as Registrar
    from regkit.registration import RegistrationResult as RegistrationResult
    from regkit.registration import register as register
    from regkit.registration import run as run
    from regkit.report.picture import picture as picture
    from regkit.resampling import resample as resample
    from regkit.transform import IDENTITY as IDENTITY
    from regkit.transform import AffineTransform as AffineTransform
    from regkit.transform import DisplacementField as DisplacementField
    from regkit.transform import Transform as Transform
    from regkit.transform import TransformChain as TransformChain
    from regkit.volume import LabelMap as LabelMap
    from regkit.volume import Volume as Volume

__version__ = "0.1.0"

# Imported on first use, so that `import regkit` and `regkit --help` stay light.
_HOMES = {
    "Case": "case",
    "Dataset": "case",
    "RegkitError": "errors",
    "Grid": "grid",
    "read_labels": "io",
    "read_landmarks": "io",
    "read_volume": "io",
    "write_landmarks": "io",
    "write_volume": "io",
    "read_transform": "io.transforms",
    "write_transform": "io.transforms",
    "picture": "report.picture",
    "DatasetSpec": "plugin",
    "MethodSpec": "plugin",
    "MetricSpec": "plugin",
    "hookimpl": "plugin",
    "Estimate": "registrar",
    "Pair": "registrar",
    "Registrar": "registrar",
    "RegistrationResult": "registration",
    "register": "registration",
    "run": "registration",
    "resample": "resampling",
    "rigid": "euler",
    "IDENTITY": "transform",
    "AffineTransform": "transform",
    "DisplacementField": "transform",
    "Transform": "transform",
    "TransformChain": "transform",
    "LabelMap": "volume",
    "Volume": "volume",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit.{_HOMES[name]}"), name)
