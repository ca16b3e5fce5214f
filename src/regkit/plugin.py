"""Specs, by which plugins declare what they offer, and the hooks for them.

Only the standard library and pluggy are imported, so that a declaration is cheap. A plugin is a
module with functions marked `hookimpl`, named under the entry-point group ``regkit``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pluggy

GROUP = "regkit"  # of the entry points, and of pluggy's hooks

# Models of transforms, and the optional inputs of a `regkit.Pair` that a method may use.
MODELS = ("none", "rigid", "similarity", "affine", "deformable")
OPTIONAL_INPUTS = ("initial", "fixed_mask", "moving_mask")
_NAME = re.compile(r"[\w.-]+")
_TARGET = re.compile(r"[\w.]+:\w+")

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A name, a summary and an import target.

    Parameters
    ----------
    name
        Name that users type: lower case, digits and hyphens.
    target
        ``"package.module:Attribute"``, imported on first use.
    summary
        One line for listings.
    requires
        Packages needed at run time: import name -> name to install with pip.
    former_names
        Names that it had in earlier versions; an error for one of them says the new name.
    """

    name: str
    target: str
    summary: str = ""
    requires: Mapping[str, str] = field(default_factory=dict)
    former_names: frozenset[str] = frozenset()

    @property
    def fault(self) -> str:
        """Fault of the declaration, as a sentence; empty if there is none."""
        if not _NAME.fullmatch(self.name):
            return f"the name '{self.name}' must consist of letters, digits and - _ . only"
        if not _TARGET.fullmatch(self.target):
            return f"the target of {self.name} must be 'package.module:Name', got '{self.target}'"
        return ""


@dataclass(frozen=True, kw_only=True)
class MethodSpec(Spec):
    """A registration method; `target` is a Registrar class.

    Parameters
    ----------
    model
        Model of the transform: ``none``, ``rigid``, ``similarity``, ``affine`` or
        ``deformable``.
    supports
        Optional inputs that it uses: ``initial``, ``fixed_mask``, ``moving_mask``.
    is_registration
        False for a method that returns the initial transform on purpose, as a baseline.
    preset
        Parameters that differ from the target's own defaults.
    reference
        DOI or citation of the method.
    weights
        Package whose folder ``shipped`` may hold the method's trained weights, for a method that
        needs some; see `regkit.weights`. It aligns only images like those it was trained on.
    trainer
        Import target of the function that trains it, a `regkit.learning.training_job.Trainer`.
    initializer
        True for a fast and robust method whose result is a good initial transform:
        ``--init auto`` considers it.
    searches_everywhere
        True for a method that searches all rotations and shifts itself: ``--init auto`` keeps the
        headers for it where they make sense.
    specialty
        Pairs of modalities, fixed and moving, for which it is the best of its package and the
        method ``auto`` considers it; modalities as in `regkit.geometry.volume.Volume`. What a
        `regkit.registrar.Judge` finds is neither refined by ``auto`` nor compared by a similarity.
    witness
        Parameters (another seed, fewer sample points) in each role that the method has when the
        results of others are judged: ``search`` for a search that is independent of them, of the
        pairs of its specialty if it has one; ``refinement`` for a local one by another measure,
        which starts at the result.
    explains
        Weights that ``regkit explain`` shows, as a noun phrase; the target is then a
        `regkit.registrar.Explainer`. Empty for a method that explains nothing.
    """

    model: str = "rigid"
    supports: frozenset[str] = frozenset({"initial"})
    is_registration: bool = True
    preset: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    weights: str = ""
    trainer: str = ""
    initializer: bool = False
    searches_everywhere: bool = False
    specialty: frozenset[tuple[str, str]] = frozenset()
    witness: Mapping[Literal["search", "refinement"], Mapping[str, Any]] = field(
        default_factory=dict
    )
    explains: str = ""

    @property
    def fault(self) -> str:
        """Fault of the declaration, as a sentence; empty if there is none."""
        if self.model not in MODELS:
            return (
                f"the model of {self.name} must be one of {', '.join(MODELS)}, got '{self.model}'"
            )
        if unknown := sorted(set(self.supports) - set(OPTIONAL_INPUTS)):
            return (
                f"{self.name} can only declare support of {', '.join(OPTIONAL_INPUTS)}, "
                f"got '{unknown[0]}'"
            )
        return super().fault


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A metric; `target` is a function of an `Evaluation` that returns a float.

    Parameters
    ----------
    unit
        ``mm``, ``deg``, ``%`` or empty.
    better
        ``lower``, ``higher``, or empty for a measurement, which is not ranked.
    true_value
        Name of the metric that is the true value of this measurement; a report shows how well
        the two agree.
    """

    unit: str = ""
    better: str = "lower"
    true_value: str = ""

    @property
    def fault(self) -> str:
        """Fault of the declaration, as a sentence; empty if there is none."""
        if self.better not in {"lower", "higher", ""}:
            return f"'better' of {self.name} must be lower, higher or empty, got '{self.better}'"
        return super().fault


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A dataset; `target` is a callable that returns a `Dataset`.

    Parameters
    ----------
    writers
        File formats other than NIfTI that its images can be written in: name -> target of a
        `regkit.datasets.export.ImageWriter`.
    picture
        Import target of a function that draws a case, `Case` -> Pillow image; empty for the
        default.
    """

    writers: Mapping[str, str] = field(default_factory=dict)
    picture: str = ""


@dataclass(frozen=True, kw_only=True)
class FrameSpec(Spec):
    """The standard frame of an organ, to which an image is reoriented.

    `target` is a class without parameters that is a `regkit.report.reorientation.StandardFrame`.

    Parameters
    ----------
    method
        The method that finds the frame when the user names none.
    label_help
        The structures that labels stand for, like ``1 myocardium, 2 blood pool``.
    modalities
        Modalities of the images that the frame is made for, like ``spect`` and ``pet``.
    outputs
        The files that are written, as one sentence; PREFIX stands for the user's prefix.
    """

    method: str
    label_help: str = ""
    modalities: tuple[str, ...] = ()
    outputs: str = ""


@dataclass(frozen=True, kw_only=True)
class CommandSpec(Spec):
    """A command of the command line, ``regkit NAME``.

    `target` is a function with the annotations of a Typer command; its module should import
    nothing heavy, because ``regkit --help`` imports it.

    Parameters
    ----------
    panel
        Heading under which ``regkit --help`` lists it.
    """

    panel: str = "Commands of plugins"


class Hooks:
    """The hooks a plugin may implement; each returns specs, importing nothing heavy."""

    @hookspec
    def regkit_methods(self) -> Iterable[MethodSpec]:
        """Offer registration methods."""
        return ()

    @hookspec
    def regkit_metrics(self) -> Iterable[MetricSpec]:
        """Offer metrics."""
        return ()

    @hookspec
    def regkit_datasets(self) -> Iterable[DatasetSpec]:
        """Offer datasets."""
        return ()

    @hookspec
    def regkit_commands(self) -> Iterable[CommandSpec]:
        """Offer commands of the command line."""
        return ()

    @hookspec
    def regkit_frames(self) -> Iterable[FrameSpec]:
        """Offer standard frames of organs."""
        return ()
