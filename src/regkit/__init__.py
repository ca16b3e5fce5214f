"""Multi-modal 3-D medical image registration behind one interface.

Arrays are z, y, x; anything in millimetres is x, y, z in LPS. A `Transform` maps points from the
fixed to the moving image; volumes are resampled through it.

    >>> import regkit
    >>> result = regkit.register("ct.nii.gz", "spect.nii.gz", moving_modality="spect")
    >>> result.verdict, result.transform, result.warped
    >>> result.save("out/")

Register
    register, register_many, run, RegistrationResult, Pair, Estimate
Many pairs, with a table and a page for review
    batch, Batch
Images and points
    Volume, volume, LabelMap, Grid, read_volume, read_labels, read_landmarks, write_volume,
    write_landmarks, resample
Transforms
    Transform, AffineTransform, DisplacementField, TransformChain, IDENTITY, rigid,
    read_transform, write_transform
Cases with known answers, and tests without any
    Case, Dataset, calibrate, selftest, SelfTest
Attenuation maps
    check_alignment, AlignmentCheck, attenuation_map
Reports and records
    picture, replay, Replay, explain, ExplainedRegistration
Methods, metrics and datasets of one's own
    Registrar, MethodSpec, MetricSpec, DatasetSpec, hookimpl
Errors
    RegkitError, the base of every error that regkit raises on purpose
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit.alignment.check import AlignmentCheck as AlignmentCheck
    from regkit.alignment.check import check_alignment as check_alignment
    from regkit.batches.batch import Batch as Batch
    from regkit.batches.batch import batch as batch
    from regkit.benchmark.calibrate import calibrate as calibrate
    from regkit.benchmark.selftest import selftest as selftest
    from regkit.benchmark.selftest_result import SelfTest as SelfTest
    from regkit.datasets.case import Case as Case
    from regkit.datasets.case import Dataset as Dataset
    from regkit.errors import RegkitError as RegkitError
    from regkit.geometry.grid import Grid as Grid
    from regkit.geometry.resampling import resample as resample
    from regkit.geometry.rigid import rigid as rigid
    from regkit.geometry.transform import IDENTITY as IDENTITY
    from regkit.geometry.transform import AffineTransform as AffineTransform
    from regkit.geometry.transform import DisplacementField as DisplacementField
    from regkit.geometry.transform import Transform as Transform
    from regkit.geometry.transform import TransformChain as TransformChain
    from regkit.geometry.volume import LabelMap as LabelMap
    from regkit.geometry.volume import Volume as Volume
    from regkit.geometry.volume_of_array import volume as volume
    from regkit.io import read_labels as read_labels
    from regkit.io import read_landmarks as read_landmarks
    from regkit.io import read_volume as read_volume
    from regkit.io import write_landmarks as write_landmarks
    from regkit.io import write_volume as write_volume
    from regkit.io.attenuation_map import attenuation_map as attenuation_map
    from regkit.io.transforms import read_transform as read_transform
    from regkit.io.transforms import write_transform as write_transform
    from regkit.plugin import DatasetSpec as DatasetSpec
    from regkit.plugin import MethodSpec as MethodSpec
    from regkit.plugin import MetricSpec as MetricSpec
    from regkit.plugin import hookimpl as hookimpl
    from regkit.registrar import Estimate as Estimate
    from regkit.registrar import Pair as Pair
    from regkit.registrar import Registrar as Registrar
    from regkit.registration.register import register as register
    from regkit.registration.register import register_many as register_many
    from regkit.registration.run import RegistrationResult as RegistrationResult
    from regkit.registration.run import run as run
    from regkit.report.explain import ExplainedRegistration as ExplainedRegistration
    from regkit.report.explain import explain as explain
    from regkit.report.picture import picture as picture
    from regkit.report.replay import Replay as Replay
    from regkit.report.replay import replay as replay

    __version__: str

# Imported on first use, so that `import regkit` and `regkit --help` stay light.
_HOMES = {
    "batch": "batches.batch",
    "Batch": "batches.batch",
    "AlignmentCheck": "alignment.check",
    "check_alignment": "alignment.check",
    "attenuation_map": "io.attenuation_map",
    "calibrate": "benchmark.calibrate",
    "selftest": "benchmark.selftest",
    "SelfTest": "benchmark.selftest_result",
    "Case": "datasets.case",
    "Dataset": "datasets.case",
    "RegkitError": "errors",
    "Grid": "geometry.grid",
    "read_labels": "io",
    "read_landmarks": "io",
    "read_volume": "io",
    "write_landmarks": "io",
    "write_volume": "io",
    "read_transform": "io.transforms",
    "write_transform": "io.transforms",
    "explain": "report.explain",
    "ExplainedRegistration": "report.explain",
    "picture": "report.picture",
    "Replay": "report.replay",
    "replay": "report.replay",
    "DatasetSpec": "plugin",
    "MethodSpec": "plugin",
    "MetricSpec": "plugin",
    "hookimpl": "plugin",
    "Estimate": "registrar",
    "Pair": "registrar",
    "Registrar": "registrar",
    "RegistrationResult": "registration.run",
    "register": "registration.register",
    "register_many": "registration.register",
    "run": "registration.run",
    "resample": "geometry.resampling",
    "rigid": "geometry.rigid",
    "IDENTITY": "geometry.transform",
    "AffineTransform": "geometry.transform",
    "DisplacementField": "geometry.transform",
    "Transform": "geometry.transform",
    "TransformChain": "geometry.transform",
    "LabelMap": "geometry.volume",
    "Volume": "geometry.volume",
    "volume": "geometry.volume_of_array",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("regkit.version").installed_version()
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
