"""Registration of a pair by the glands that networks find in both images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from regkit.geometry.transform import AffineTransform, Transform
from regkit.learning import TrainedModel, appearance_warnings, domain_features, domain_warnings
from regkit.registrar import Estimate, Pair
from regkit_gland.card import GlandCard
from regkit_gland.found_gland import GLAND_LABEL, GLAND_NAME, FoundGland, find_gland
from regkit_gland.gland_overlap import gland_dice

ROLES = ("fixed", "moving")
KEPT = "{}: the initial transform is returned"


def register_glands(pair: Pair, trained: TrainedModel[Any], passes: int) -> Estimate:
    """Register a pair; arguments as of `regkit.learning.LearnedMethod.infer`."""
    modalities = _networks(pair, trained.card)
    masks = pair.fixed_mask, pair.moving_mask
    fixed, moving = glands = [
        find_gland(image, modality, mask, trained, passes)
        for image, modality, mask in zip(_images(pair), modalities, masks, strict=True)
    ]
    transform, rejected = _aligned(pair.start, fixed, moving)
    unlike = list(_unlike(pair, trained.card, modalities, glands))
    diagnostics = {
        **trained.diagnostics,
        "labels": {GLAND_NAME: GLAND_LABEL},
        "domain_warnings": unlike,
        "initial_kept": bool(rejected),
        "rejected": rejected,
        "warnings": [*([KEPT.format(rejected)] if rejected else []), *unlike],
    }
    return Estimate(transform, moving.labels, diagnostics, fixed_labels=fixed.labels)


def _images(pair: Pair) -> tuple[Any, Any]:
    return pair.fixed, pair.moving


def _networks(pair: Pair, card: GlandCard) -> list[str]:
    """Return the modalities of the networks for the fixed and the moving image."""
    known = list(card.domains)
    return [
        image.modality if image.modality in known else assumed
        for image, assumed in zip(_images(pair), (known[0], known[-1]), strict=True)
    ]


def _aligned(start: Transform, fixed: FoundGland, moving: FoundGland) -> tuple[Transform, str]:
    """Return the start shifted so that both centers meet, or the start and why it was kept."""
    if fixed.center is None or moving.center is None:
        return start, "there is nothing to align"
    shifted = AffineTransform.shift(moving.center - start.map_points(fixed.center)) @ start
    before, after = (gland_dice(fixed.labels, moving.labels, one) for one in (start, shifted))
    if before <= after:
        return shifted, ""
    return start, (
        f"the prostates found overlap more at the start (Dice {before:.2f}) than with their "
        f"centers on each other ({after:.2f})"
    )


def _unlike(
    pair: Pair, card: GlandCard, modalities: Sequence[str], glands: Sequence[FoundGland]
) -> Iterator[str]:
    """Yield sentences on how the images differ from those of training."""
    for role, image, name, gland in zip(ROLES, _images(pair), modalities, glands, strict=True):
        features = domain_features(gland.seen.array, max(image.grid.spacing))
        yield from domain_warnings(card.domains[name], card.method, role, image.modality, features)
    seen = {name: gland.seen for name, gland in zip(modalities, glands, strict=True)}
    if seen.keys() == card.domains.keys():
        ordered = {name: seen[name] for name in card.domains}
        yield from appearance_warnings(card.appearance, card.method, ordered)
