"""The parts of a whole body in painting order: later parts cover earlier ones."""

from __future__ import annotations

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.phantoms.wholebody import (
    abdomen,
    body,
    chest,
    couch,
    gut,
    head,
    pelvis,
    skeleton,
)
from regkit_nuclear.phantoms.wholebody import heart as cardiac
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.habitus import WholeBodyHabitus
from regkit_nuclear.phantoms.wholebody.lesions import Lesion, paint_lesions
from regkit_nuclear.phantoms.wholebody.uptake import WholeBodyUptake


def whole_body_parts(
    habitus: WholeBodyHabitus,
    uptake: WholeBodyUptake,
    lesions: tuple[Lesion, ...],
    rng: np.random.Generator,
) -> list[PaintedPart]:
    """Return all parts of a patient in painting order, the couch first."""
    frame = BodyFrame(habitus)
    return [
        *couch.couch(habitus),
        *body.whole_body_outline(frame, uptake),
        *pelvis.muscles(frame, uptake),
        *abdomen.cavity(frame, uptake),
        *skeleton.chest_wall(frame, uptake),
        *chest.lungs(frame, uptake, rng),
        *cardiac.heart(frame, uptake),
        *cardiac.vessels(frame, uptake),
        *chest.airways(uptake),
        *chest.neck(uptake),
        *gut.small_bowel(frame, uptake, rng),
        *gut.colon(frame, uptake, rng),
        *gut.stomach(frame, uptake, rng),
        *abdomen.spleen(frame, uptake, rng),
        *abdomen.pancreas(uptake),
        *abdomen.liver(frame, uptake, rng),
        *abdomen.kidneys(uptake, rng),
        *pelvis.organs(frame, uptake, rng),
        *pelvis.bones(uptake),
        *skeleton.spine(frame, uptake),
        *skeleton.shoulders(frame, uptake),
        *head.throat(uptake),
        *head.skull(uptake),
        *head.brain(uptake),
        *paint_lesions(lesions),
    ]
