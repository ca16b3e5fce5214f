"""Keys of presets and cards that have been renamed: an old one is refused with the new name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

# Old key -> new keys; where two classes renamed the same key differently, the error names the one
# that the class in question has.
RENAMED: dict[str, tuple[str, ...]] = {
    "batch": ("batch_size",),
    "rate": ("learning_rate",),
    "average": ("ema_decay",),
    "clip": ("grad_clip_norm",),
    "every": ("decay_steps",),
    "factor": ("decay_rate",),
    "workers": ("num_workers",),
    "schedule": ("lr_schedule",),
    "optimiser": ("optimizer",),
    "small_share": ("residual_motion_prob",),
    "small_amount": ("residual_motion_scale",),
    "pose_mm": ("augment_shift_mm",),
    "pose_deg": ("augment_rotation_deg",),
    "size": ("augment_scale", "grid_size"),
    "gamma": ("augment_gamma",),
    "noise": ("augment_noise_std",),
    "coverage_share": ("truncation_prob",),
    "coverage": ("axial_coverage",),
    "degrees": ("rotation_deg",),
    "distance_mm": ("mean_displacement_mm",),
    "initialise": ("initialization",),
    "fold": ("space_to_depth",),
    "hidden": ("mlp_hidden",),
    "half_extents": ("max_shift_fraction",),
    "compared_exponent": ("intensity_gamma",),
    "exponent": ("intensity_gamma",),
    "own_share": ("native_pose_prob",),
    "usual_share": ("mean_pose_prob",),
    "told_share": ("teacher_forcing_prob",),
    "as_came": ("segment_unaugmented",),
    "finer": ("deep_supervision",),
    "pose": ("pose_loss",),
    "label_zoom": ("label_fov",),
    "trunk": ("localizer_width",),
    "localiser": ("localizer",),
    "segmented": ("segmentation_batch_size",),
    "entropy_weight": ("cross_entropy_weight",),
    "threshold_coarser": ("threshold_stride",),
    "first": ("input_order",),
    "units": ("output_scale",),
    "unknown": ("fill_value",),
    "convention": ("parameterization",),
    "variant": ("network",),
    "mean": ("mean_pose",),
    "modality": ("modalities",),
    "mass_mm": ("center_of_mass_offset_mm",),
    "deviation": ("std",),
    "known": ("known_fraction",),
    "behind_mm": ("posterior_mm",),
}


def renamed_key(keys: Iterable[str], known: Collection[str], inside: str = "") -> str | None:
    """Return a sentence about the first renamed key, or None if there is none.

    Parameters
    ----------
    keys
        Keys that somebody wrote.
    known
        Keys that are valid there.
    inside
        Key of the object that has them, with a dot at its end; empty at the top.
    """
    for key in keys:
        new = [name for name in RENAMED.get(key, ()) if name in known]
        if new and key not in known:
            return f"'{inside}{key}' is called '{inside}{new[0]}' now"
    return None
