"""The methods, scores and standard frame of the left ventricle that this package offers."""

from collections.abc import Iterable

from regkit.plugin import FrameSpec, MethodSpec, MetricSpec, hookimpl


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the refinement of a ventricle's pose and of its wall."""
    return (
        MethodSpec(
            name="lv-axis",
            target="regkit_ventricle.long_axis_refinement:LongAxisRefinement",
            summary="short-axis planes along the long axis of the labels (ms-st-unet+lv-axis)",
            is_registration=False,
            former_names=frozenset({"lv"}),
        ),
        MethodSpec(
            name="lv-walls",
            target="regkit_ventricle.wall_refinement:WallRefinement",
            summary="left-ventricular wall surfaces fitted to the image (ms-st-unet+lv-walls)",
            supports=frozenset({"moving_mask"}),
            is_registration=False,
            former_names=frozenset({"walls"}),
        ),
    )


@hookimpl
def regkit_metrics() -> Iterable[MetricSpec]:
    """Offer the scores of a ventricle's pose and of its segmentation by a method."""
    return (
        _pose("rot_mse", "rad^2", "mean squared error of the angles of Ry Rx Rz"),
        _pose("lv_my_dice", "", "Dice coefficient of the reoriented myocardium", "higher"),
        _pose("lv_bp_dice", "", "Dice coefficient of the reoriented blood pool", "higher"),
        _pose("lv_my_hd95_mm", "mm", "95 % Hausdorff distance of the reoriented myocardium"),
        _pose("lv_bp_hd95_mm", "mm", "95 % Hausdorff distance of the reoriented blood pool"),
        _segmentation(
            "lv_my_seg_dice", "", "Dice coefficient of the segmented myocardium", "higher"
        ),
        _segmentation(
            "lv_bp_seg_dice", "", "Dice coefficient of the segmented blood pool", "higher"
        ),
        _segmentation(
            "lv_my_seg_hd95_mm", "mm", "95 % Hausdorff distance of the segmented myocardium"
        ),
        _segmentation(
            "lv_bp_seg_hd95_mm", "mm", "95 % Hausdorff distance of the segmented blood pool"
        ),
        _segmentation(
            "lv_my_image_dice",
            "",
            "Dice of the segmented myocardium in the moving image",
            "higher",
        ),
        _segmentation(
            "lv_bp_image_dice",
            "",
            "Dice of the segmented blood pool in the moving image",
            "higher",
        ),
        *_volume("lv_my", "myocardium"),
        *_volume("lv_bp", "blood pool"),
    )


def _pose(name: str, unit: str, summary: str, better: str = "lower") -> MetricSpec:
    target = f"regkit_ventricle.pose_metrics:{name}"
    return MetricSpec(name=name, target=target, summary=summary, unit=unit, better=better)


def _segmentation(name: str, unit: str, summary: str, better: str = "lower") -> MetricSpec:
    target = f"regkit_ventricle.segmentation_metrics:{name}"
    return MetricSpec(name=name, target=target, summary=summary, unit=unit, better=better)


def _volume(structure: str, name: str) -> tuple[MetricSpec, MetricSpec]:
    """Return the measurements of a structure's segmented and true volume."""
    segmented, true = f"{structure}_ml", f"{structure}_true_ml"
    return (
        MetricSpec(
            name=segmented,
            target=f"regkit_ventricle.volumes:{segmented}",
            summary=f"volume of the segmented {name}",
            unit="ml",
            better="",
            true_value=true,
        ),
        MetricSpec(
            name=true,
            target=f"regkit_ventricle.volumes:{true}",
            summary=f"true volume of the {name}",
            unit="ml",
            better="",
        ),
    )


@hookimpl
def regkit_frames() -> Iterable[FrameSpec]:
    """Offer the short-axis frame of the left ventricle."""
    return (
        FrameSpec(
            name="short-axis",
            target="regkit_ventricle.short_axis:ShortAxis",
            summary="short axis of the left ventricle: x lateral, y inferior, z to the base",
            method="ms-st-unet+lv-walls+lv-axis",
            label_help="1 myocardium, 2 blood pool",
            modalities=("spect", "pet"),
            outputs=(
                "PREFIX.tfm (maps short-axis to image points, LPS mm), PREFIX_sa, _hla and "
                "_vla.nii.gz (short-axis, horizontal and vertical long-axis slices), "
                "PREFIX_labels.nii.gz (on the image's grid), PREFIX_sa_labels.nii.gz, PREFIX.png "
                "(slices and polar map), PREFIX.json and PREFIX_segments.csv (17 segments)"
            ),
        ),
    )
