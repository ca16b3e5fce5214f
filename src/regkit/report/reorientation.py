"""Reorientation of an image to the standard frame of an organ, which a plugin offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from regkit.errors import ParameterError
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.atomic_output import OutputStage
from regkit.registrar import Judge, Pair, Registrar
from regkit.registration.initialization import align_centers
from regkit.registration.run import RegistrationResult
from regkit.registration.saved import Saved
from regkit.registry import RegisteredSpec, Registry, default_registry
from regkit.report.record import Inputs

if TYPE_CHECKING:
    from regkit.io.dicom_source import DicomSource
    from regkit.plugin import FrameSpec


class StandardFrame(Judge, Protocol):
    """The frame in which an organ is usually displayed.

    Points of the frame are the fixed points of a registration, its origin is the centre of the
    fixed image. The frame judges what a method has found, by the organ in its labels.
    """

    def fixed(self, moving: Volume) -> Volume:
        """Return an average organ in the frame, of the moving modality: the fixed image."""

    def from_segmentation(self, labels: LabelMap) -> Registrar:
        """Return a method that finds the frame from a segmentation of the moving image."""

    def save(
        self,
        result: RegistrationResult,
        prefix: str,
        stage: OutputStage,
        inputs: Inputs,
        dicom: DicomSource | None = None,
        *,
        report: bool = False,
    ) -> Saved:
        """Write the files of a reorientation under names that begin with the prefix.

        With the headers of a DICOM image, the reoriented images are written as derived series
        too; with `report`, also the page PREFIX.html.

        Raises
        ------
        RegistrationError
            The method found no labels, or labels that show no such organ.
        """


def pair_in_frame(image: Volume, frame: StandardFrame) -> Pair:
    """Return the average organ of a frame and an image, their centres aligned."""
    pair = Pair(frame.fixed(image), image)
    return Pair(pair.fixed, image, initial=align_centers(pair))


def named_frame(name: str | None, registry: Registry | None = None) -> RegisteredSpec[FrameSpec]:
    """Return the frame of a name, or the only frame that plugins offer.

    Parameters
    ----------
    name
        Name of the frame; None for the only one.
    registry
        Source of the frames; the environment's own by default.

    Raises
    ------
    ParameterError
        No name is given, and there is not exactly one frame.
    """
    registry = registry or default_registry()
    if name is not None:
        return registry.frame(name)
    names = sorted({registered.spec.name for registered in registry.frames})
    if len(names) != 1:
        there_is = f"choose one of {', '.join(names)}" if names else "no plugin offers one"
        raise ParameterError(
            f"--to must name a standard frame; {there_is}{registry.disabled_hint}"
        )
    return registry.frame(names[0])
