"""The contract between regkit and a registration method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from regkit.errors import RegistrationError
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume

# OK, CHECK (look at the images) or FAIL (do not use).
Status: TypeAlias = Literal["OK", "CHECK", "FAIL"]


@dataclass(frozen=True, eq=False)
class Pair:
    """The input of a registration method.

    Parameters
    ----------
    fixed, moving
        The images; any grids, sizes and orientations.
    fixed_mask, moving_mask
        Regions to compare (non-zero), each on any grid; None means everywhere.
    initial
        Initial fixed-to-moving map in LPS mm; None means identity.
    initial_is_guess
        Whether `initial` is the best of a few rough candidates, not headers that make sense or
        what the user gave; a method need not prefer it then.

    Raises
    ------
    RegistrationError
        An image or mask of another type, such as the name of a file.
    """

    fixed: Volume
    moving: Volume
    fixed_mask: LabelMap | None = None
    moving_mask: LabelMap | None = None
    initial: Transform | None = None
    initial_is_guess: bool = False

    def __post_init__(self) -> None:
        """Refuse images and masks of other types."""
        for role, volume in (("fixed", self.fixed), ("moving", self.moving)):
            if not isinstance(volume, Volume):
                raise RegistrationError(
                    f"the {role} image must be a Volume, got {type(volume).__name__}; read it "
                    "with regkit.read_volume, or make a Volume of an array and its Grid"
                )
        for role, mask in (("fixed", self.fixed_mask), ("moving", self.moving_mask)):
            if not isinstance(mask, LabelMap | None):
                raise RegistrationError(
                    f"the {role} mask must be a LabelMap, got {type(mask).__name__}; read it "
                    "with regkit.read_labels, or make a LabelMap of an array and its Grid"
                )

    def __repr__(self) -> str:
        parts = vars(self).items()
        given = {name: part for name, part in parts if part is not None and part is not False}
        return f"<Pair{indented_parts(given)}>"

    @property
    def start(self) -> Transform:
        """The initial transform, identity when none was given."""
        return IDENTITY if self.initial is None else self.initial

    def swapped(self) -> Pair:
        """Return the pair with fixed and moving exchanged, and the initial map inverted.

        Raises
        ------
        NotInvertibleError
            The initial map has no inverse.
        """
        initial = None if self.initial is None else self.initial.inverse()
        masks = self.moving_mask, self.fixed_mask
        return Pair(self.moving, self.fixed, *masks, initial, self.initial_is_guess)


@dataclass(frozen=True, eq=False)
class Estimate:
    """The output of a registration method.

    Parameters
    ----------
    transform
        The total map of fixed points to moving points in LPS mm, `Pair.initial` included.
    labels
        Segmentation of the moving image, on any grid, by a method that segments.
    diagnostics
        Further findings as plain data that JSON can hold. Each text under ``warnings`` makes the
        verdict CHECK at best, unless witnesses show that the error is probably small; those under
        ``remarks`` are told and leave it as it is.
    fixed_labels
        Segmentation of the fixed image, by a method that segments both.

    Raises
    ------
    RegistrationError
        A part of another type, such as a bare matrix.
    """

    transform: Transform
    labels: LabelMap | None = None
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    fixed_labels: LabelMap | None = None

    def __post_init__(self) -> None:
        """Refuse parts of other types."""
        if not isinstance(self.transform, Transform):
            raise RegistrationError(
                f"the transform of an estimate must be a Transform, got "
                f"{type(self.transform).__name__}; a matrix (4 x 4, fixed to moving, LPS mm) "
                "becomes one by regkit.AffineTransform"
            )
        for labels in (self.labels, self.fixed_labels):
            if not isinstance(labels, LabelMap | None):
                raise RegistrationError(
                    f"the labels of an estimate must be a LabelMap, got {type(labels).__name__}"
                )
        if not isinstance(self.diagnostics, Mapping):
            raise RegistrationError(
                "the diagnostics of an estimate must be a mapping, got "
                f"{type(self.diagnostics).__name__}"
            )

    def __repr__(self) -> str:
        parts: dict[str, object] = {"transform": self.transform}
        parts |= {
            name: labels
            for name, labels in (("labels", self.labels), ("fixed labels", self.fixed_labels))
            if labels is not None
        }
        if self.diagnostics:
            parts["diagnostics"] = ", ".join(self.diagnostics)
        return f"<Estimate{indented_parts(parts)}>"


@dataclass(frozen=True)
class Judgement:
    """The answer of a `Judge` about an estimate, as plain data.

    Parameters
    ----------
    findings
        Status and one sentence for each problem found, with what to do about it; one with the
        status ``OK`` is told and changes nothing.
    measures
        The numbers behind them.
    caution
        Sentence that makes the verdict CHECK at best although nothing speaks against the estimate:
        that nothing independent confirms it, say. Empty for none.
    """

    findings: tuple[tuple[Status, str], ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)
    caution: str = ""


@runtime_checkable
class Registrar(Protocol):
    """A registration method: a frozen dataclass whose fields are its parameters."""

    def register(self, pair: Pair) -> Estimate:
        """Find the map from fixed to moving points."""


@runtime_checkable
class Refiner(Registrar, Protocol):
    """A registrar that starts from the whole estimate of another one, labels included."""

    def refine(self, pair: Pair, found: Estimate) -> Estimate:
        """Return a better estimate; `pair.initial` is the transform of the one found."""


@runtime_checkable
class Judge(Protocol):
    """Judges estimates of its kind by something other than similarity; mostly a `Registrar`.

    An average organ and a patient's have too little in common for a similarity to tell right from
    wrong; labels, shape and the plausibility of the pose may tell. A judge sees any estimate, also
    one that later methods of a chain have changed, and not how it was found.
    """

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Return what speaks against an estimate; None where it does not apply to this one."""


@dataclass(frozen=True, eq=False)
class ExplainedMap:
    """The weight that a network gave to each place of one image.

    Parameters
    ----------
    name
        Short name, a part of file names: lower case, digits and hyphens.
    role
        Image whose features were weighted: ``fixed`` or ``moving``.
    volume
        The weights, on any grid in the space of the fixed image; those of the moving image lie
        where `Explanation.transform` puts it.
    meaning
        Meaning of a high weight, as a noun phrase.
    """

    name: str
    role: Literal["fixed", "moving"]
    volume: Volume
    meaning: str


@dataclass(frozen=True, eq=False)
class Explanation:
    """The weights by which a network came to its estimate.

    Parameters
    ----------
    transform
        Estimate of the network: the map of fixed points to moving points in LPS mm.
    maps
        Weights of the places of both images, in the last pass of the network.
    facts
        Further weights that have no place, as plain data that JSON can hold.
    """

    transform: Transform
    maps: tuple[ExplainedMap, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Explainer(Protocol):
    """Explains its estimates by what it looked at; mostly a `Registrar` with a network.

    The `MethodSpec.explains` of its method says what it shows.
    """

    def explain(self, pair: Pair) -> Explanation:
        """Register a pair as `Registrar.register` does, and return what the network looked at."""


def require_estimate(found: object, name: str) -> Estimate:
    """Return what a method found if it is an estimate, else raise `RegistrationError`."""
    if isinstance(found, Estimate):
        return found
    made = "; return Estimate(transform)" if isinstance(found, Transform) else ""
    raise RegistrationError(f"{name} must return an Estimate, got {type(found).__name__}{made}")


def indented_parts(parts: Mapping[str, object]) -> str:
    """Return named parts as indented lines, for the representation of what holds them."""
    return "".join(f"\n  {name}: {part}" for name, part in parts.items())
