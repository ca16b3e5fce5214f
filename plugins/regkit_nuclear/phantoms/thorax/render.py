"""Rendering of a patient: later parts are painted over earlier ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.painting.random_streams import RandomStream, generator
from regkit_nuclear.painting.shapes import (
    Coordinates,
    Field,
    RandomField,
    intersection,
    refined_grid,
    vector,
)
from regkit_nuclear.phantoms.thorax import body, chest, heart, skeleton, vessels
from regkit_nuclear.phantoms.thorax.abdomen import AbdomenPainter
from regkit_nuclear.phantoms.thorax.anatomy import Anatomy
from regkit_nuclear.phantoms.thorax.breathing import heart_shift
from regkit_nuclear.phantoms.thorax.gut import paint_gut
from regkit_nuclear.phantoms.thorax.organs import LV_BLOOD_POOL, LV_MYOCARDIUM, MU, ORGANS
from regkit_nuclear.phantoms.thorax.patient import ThoraxPatient
from regkit_nuclear.phantoms.thorax.scene import WHOLE, Scene
from regkit_nuclear.phantoms.thorax.table import paint_table

# Voxels above this size alias ribs and the heart's wall. The random deformation has this standard
# deviation and these wavelengths, and fades within this distance of the heart. Chosen by hand.
_COARSE_MM = 5.0
_WARP_MM = 4.0
_WARP_WAVELENGTHS_MM = (170.0, 420.0)
_WARP_FADES_MM = 75.0

# Slices that are painted at a time, so that their arrays stay in the processor's cache; chosen by
# hand.
_SLICES = 16

# Margins of the boxes for parts beyond the trunk, the ribs and the patient's back, mm.
_BREAST_MM = 70.0
_AROUND_RIBS_MM = 26.0
_TABLE_MM = 45.0
_ENDLESS_MM = 1e3


def render_thorax(
    patient: ThoraxPatient,
    grid: Grid,
    diaphragm_mm: float = 0.0,
    match_heart: bool = False,
    supersampling: int | None = None,
) -> Anatomy:
    """Render a patient on any grid.

    Parameters
    ----------
    patient
        The drawn patient.
    grid
        Voxels of the result; oblique and offset grids show the same anatomy.
    diaphragm_mm
        Distance of the diaphragm below its mean position, mm (breathing in).
    match_heart
        Whether to shift the anatomy so that the heart is at its mean position: the reference pose
        of an attenuation map registered to the heart.
    supersampling
        Factor by which voxels are rendered finer along every axis, then binned; by default 2 for
        voxels of more than 5 mm, which would alias ribs and walls.

    Returns
    -------
    Anatomy
        Attenuation, activity and labels.
    """
    shift = heart_shift(diaphragm_mm)
    shifted = replace(grid, origin=vector(np.add(grid.origin, shift))) if match_heart else grid
    times = supersampling or (2 if max(grid.spacing) > _COARSE_MM else 1)
    scene = paint_patient(patient, refined_grid(shifted, times), diaphragm_mm)
    labels = scene if times == 1 else paint_patient(patient, shifted, diaphragm_mm)
    organs = labels.organs
    lv = np.zeros(grid.shape_zyx, np.uint8)
    lv[organs == ORGANS["lv_myocardium"]] = LV_MYOCARDIUM
    lv[organs == ORGANS["lv_blood_pool"]] = LV_BLOOD_POOL
    pose = patient.pose if match_heart else patient.pose.moved(shift)
    modality = patient.tracer
    return Anatomy(
        mu=Volume(_binned(scene.mu, times), grid, "mu"),
        activity=Volume(_binned(scene.activity, times), grid, modality),
        organs=LabelMap(organs, grid),
        lv=LabelMap(lv, grid),
        reorientation=pose,
    )


def paint_patient(patient: ThoraxPatient, grid: Grid, diaphragm_mm: float) -> Scene:
    """Paint a patient on a grid without supersampling."""
    whole = Scene.blank(grid)
    for start in range(0, grid.shape_zyx[0], _SLICES):
        _paint_slices(
            patient, whole.crop((slice(start, start + _SLICES), *WHOLE[1:])), diaphragm_mm
        )
    return whole


def _paint_slices(patient: ThoraxPatient, whole: Scene, diaphragm_mm: float) -> None:
    """Paint a patient on some slices."""
    habitus, uptake = patient.habitus, patient.uptake
    trunk = body.Trunk(habitus)
    back = habitus.origin_mm[1] + trunk.back
    front = habitus.origin_mm[1] + trunk.front - _BREAST_MM
    near = whole.crop(
        whole.box(
            (-_ENDLESS_MM, front, -_ENDLESS_MM), (_ENDLESS_MM, back + _TABLE_MM, _ENDLESS_MM)
        )
    )
    framed = _in_body_frame(near, patient)
    surfaces = body.body_outline(framed, habitus)
    body.paint_cover(framed, surfaces, habitus, uptake)
    sides = np.multiply((habitus.chest_half_width, habitus.chest_half_depth), 1.05)
    reach = np.array([*(sides + _AROUND_RIBS_MM), _ENDLESS_MM])
    box = framed.box(-reach, reach)
    inner = framed.crop(box)
    cage = chest.chest_of(inner, habitus, diaphragm_mm)
    body.paint_chest_wall(inner, surfaces.skin[box], cage.cage, uptake)
    _paint_inside(patient, near.crop(box), inner, cage, diaphragm_mm)
    skeleton.paint_shoulders(framed, habitus, uptake)
    skeleton.paint_chest(inner, habitus, cage.cage, uptake)
    body.clear_outside(framed, surfaces)
    paint_table(near, back, surfaces.skin)


def _paint_inside(
    patient: ThoraxPatient, world: Scene, trunk: Scene, cage: chest.Chest, diaphragm_mm: float
) -> None:
    """Paint the organs inside the ribs; `world` and `trunk` are one scene in two frames."""
    habitus, uptake, ventricle = patient.habitus, patient.uptake, patient.ventricle
    centre = np.add(patient.pose.centre_mm, heart_shift(diaphragm_mm))
    beating = heart.heart_of(world, patient.pose.rotation, centre, ventricle, habitus.scale)
    pericardium = beating.pericardium(trunk.mu.shape, patient.pericardial_fat_mm)
    turn = trunk.rotation.T
    to_body = np.column_stack([turn @ patient.pose.rotation, turn @ (centre - trunk.origin)])
    trunk.paint(WHOLE, cage.cage, "soft_tissue", MU["mixed"], 0.9 * uptake.soft)
    middle = chest.mediastinum(trunk.points, habitus, vector(to_body[:, 3]))
    air = 1 - 0.012 * diaphragm_mm
    lungs = chest.paint_lungs(trunk, cage, middle, pericardium, uptake, air=air)
    vessels.paint_lung_vessels(trunk, habitus, lungs, uptake, patient.seed)
    abdomen = AbdomenPainter(
        scene=trunk.lowered(diaphragm_mm),
        habitus=habitus,
        chest=cage,
        pericardium=pericardium,
        uptake=uptake,
        shape=patient.abdomen,
        diaphragm_mm=diaphragm_mm,
        seed=patient.seed,
    )
    if (abdomen.space < trunk.voxel_mm).any():
        abdomen.paint()
        paint_gut(abdomen)
    fat = intersection(pericardium, cage.cage)
    trunk.paint(WHOLE, fat, "pericardial_fat", MU["fat"], 1.2 * uptake.fat)
    vessels.paint_great_vessels(trunk, habitus, ventricle, to_body, uptake)
    chest.paint_airways(trunk, habitus, cage)
    heart.paint_heart(beating, ventricle, patient.defects, uptake)


def _in_body_frame(world: Scene, patient: ThoraxPatient) -> Scene:
    """Return the scene in the deformed frame of the body; around the heart it is not deformed."""
    habitus = patient.habitus
    warp = RandomField.draw(
        generator(patient.seed, RandomStream.WARP), _WARP_MM, _WARP_WAVELENGTHS_MM, components=3
    ).on(world.grid)
    away = world.points.relative_to(patient.pose.centre_mm)
    square = (away.x**2 + away.y**2 + away.z**2) / (_WARP_FADES_MM**2)
    warp *= 1 - np.exp(-square * square)
    points = Coordinates(*(p + w for p, w in zip(world.points, warp, strict=True)))
    return replace(
        world,
        points=points.relative_to(habitus.origin_mm, habitus.rotation),
        origin=np.array(habitus.origin_mm),
        rotation=habitus.rotation,
        slack_mm=float(np.abs(warp).max() * np.sqrt(3)),
    )


def _binned(image: Field, times: int) -> Field:
    if times == 1:
        return image
    nz, ny, nx = (n // times for n in image.shape)
    blocks = image.reshape(nz, times, ny, times, nx, times)
    return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))
