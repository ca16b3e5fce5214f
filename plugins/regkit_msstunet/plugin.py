"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import FrameSpec, MethodSpec, MetricSpec, hookimpl

NEEDS = {"torch": "torch", "safetensors": "safetensors"}
NI = "Ni et al. 2023, arXiv:2310.10095, multi-scale spatial transformer U-Net"


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the reorientation of the left ventricle."""
    return (
        MethodSpec(
            name="ms-st-unet",
            target="regkit_msstunet.registrar:LearnedReorientation",
            summary="left ventricle of transaxial SPECT or PET to its short axis, with its labels",
            honours=frozenset({"moving_mask"}),
            requires=NEEDS,
            reference=NI,
            weights="regkit_msstunet",
            trainer="regkit_msstunet.train.trainer:train",
        ),
        MethodSpec(
            name="lv",
            target="regkit_msstunet.refinement:LongAxisRefinement",
            summary="after a method that segments, ms-st-unet+lv: planes across the long axis",
            aligns=False,
        ),
        MethodSpec(
            name="walls",
            target="regkit_msstunet.wall_refinement:WallRefinement",
            summary="after a method that segments, ms-st-unet+walls: walls as thick as they are",
            honours=frozenset({"moving_mask"}),
            aligns=False,
        ),
    )


@hookimpl
def regkit_metrics() -> Iterable[MetricSpec]:
    """Offer how well labels that a method found are those of the left ventricle."""
    return (
        _score("lv_my_seg_dice", "", "Dice coefficient of the myocardium found", "higher"),
        _score("lv_bp_seg_dice", "", "Dice coefficient of the blood pool found", "higher"),
        _score("lv_my_seg_hd95_mm", "mm", "95 % Hausdorff distance of the myocardium found"),
        _score("lv_bp_seg_hd95_mm", "mm", "95 % Hausdorff distance of the blood pool found"),
        _score("lv_my_image_dice", "", "Dice of the myocardium in the moving image", "higher"),
        _score("lv_bp_image_dice", "", "Dice of the blood pool in the moving image", "higher"),
        *_volume("lv_my", "myocardium"),
        *_volume("lv_bp", "blood pool"),
    )


def _score(name: str, unit: str, summary: str, better: str = "lower") -> MetricSpec:
    target = f"regkit_msstunet.scores:{name}"
    return MetricSpec(name=name, target=target, summary=summary, unit=unit, better=better)


def _volume(structure: str, words: str) -> tuple[MetricSpec, MetricSpec]:
    """Return the volume of a structure as it was found, and as it is."""
    home, found, true = (
        "regkit_msstunet.ventricle.volumes",
        f"{structure}_ml",
        f"{structure}_true_ml",
    )
    return (
        MetricSpec(
            name=found,
            target=f"{home}:{found}",
            summary=f"volume of the {words} found",
            unit="ml",
            better="",
            true_value=true,
        ),
        MetricSpec(
            name=true,
            target=f"{home}:{true}",
            summary=f"true volume of the {words}",
            unit="ml",
            better="",
        ),
    )


@hookimpl
def regkit_frames() -> Iterable[FrameSpec]:
    """Offer the left ventricle's own planes."""
    return (
        FrameSpec(
            name="short-axis",
            target="regkit_msstunet.ventricle.short_axis:ShortAxis",
            summary="short axis of the left ventricle: x lateral, y inferior, z to the base",
            method="ms-st-unet+walls+lv",
        ),
    )
