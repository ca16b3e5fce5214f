"""What a session shows of the objects of the core: a few informative lines, no array."""

import numpy as np
import pytest

import regkit
from phantoms import MOTION, SMALL, small_pair
from regkit import (
    IDENTITY,
    AffineTransform,
    Case,
    DisplacementField,
    Estimate,
    Grid,
    LabelMap,
    Volume,
    rigid,
)


def test_a_grid_shows_shape_spacing_and_frame():
    grid = Grid((3, 4, 5), (1.5, 2.0, 2.5), (10.0, -20.0, 0.25))
    assert repr(grid) == (
        "<Grid shape (z, y, x) 3 x 4 x 5, spacing (x, y, z) 1.5 x 2 x 2.5 mm, "
        "origin (10, -20, 0.25) mm>"
    )
    flipped = Grid((3, 4, 5), direction=(-1, 0, 0, 0, -1, 0, 0, 0, 1))
    assert "direction [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]]" in repr(flipped)


def test_images_show_modality_grid_and_type():
    grid = Grid((3, 4, 5), (1.5, 2.0, 2.5))
    where = "shape (z, y, x) 3 x 4 x 5, spacing (x, y, z) 1.5 x 2 x 2.5 mm"
    assert repr(Volume(np.zeros((3, 4, 5)), grid, "pet")) == f"<Volume pet, {where}, float32>"
    labels = LabelMap(np.zeros((3, 4, 5), np.uint8), grid)
    assert repr(labels) == f"<LabelMap {where}, uint8>"


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (IDENTITY, "<AffineTransform identity>"),
        (
            AffineTransform.shift((1, 0, -2)),
            "<AffineTransform translation (1.0, 0.0, -2.0) mm, LPS>",
        ),
        (
            rigid((0, 0, 90), (1, 2, 3)),
            "<AffineTransform rigid: rotation 90.0°, then translation (1.0, 2.0, 3.0) mm, LPS>",
        ),
        (
            AffineTransform(np.diag([2.0, 1.0, 1.0, 1.0])),
            (
                "<AffineTransform affine: rotation 0.0°, volumes times 2.00, "
                "then translation (0.0, 0.0, 0.0) mm, LPS>"
            ),
        ),
    ],
)
def test_a_linear_transform_shows_its_model_and_motion(transform, text):
    assert repr(transform) == text


def test_a_field_shows_its_largest_displacement_and_a_chain_its_steps():
    grid = Grid((2, 2, 2))
    field = np.zeros((2, 2, 2, 3))
    field[0, 0, 0] = (3.0, 4.0, 0.0)
    deformation = DisplacementField(field, grid)
    assert repr(deformation).startswith("<DisplacementField up to 5.0 mm, shape (z, y, x) 2 x 2")
    chain = deformation @ rigid((0, 0, 90))
    assert repr(chain).startswith("<TransformChain <AffineTransform rigid: rotation 90.0°")
    assert repr(chain).index("AffineTransform") < repr(chain).index("DisplacementField")


def test_a_pair_an_estimate_and_a_case_list_what_they_hold():
    pair = small_pair(initial=MOTION)
    assert repr(pair).splitlines() == [
        "<Pair",
        f"  fixed: {pair.fixed!r}",
        f"  moving: {pair.moving!r}",
        f"  initial: {MOTION!r}>",
    ]
    estimate = Estimate(MOTION, diagnostics={"seed": 0, "trace": [0.0] * 1000})
    assert repr(estimate) == f"<Estimate\n  transform: {MOTION!r}\n  diagnostics: seed, trace>"
    case = Case("p001-a", pair, truth=MOTION, group="p001")
    assert repr(case).splitlines()[0] == "<Case p001-a, group p001"
    assert repr(case).endswith("known: truth>")


def test_a_result_shows_method_motion_and_verdict_with_reasons():
    pair = small_pair(rigid(translation_mm=(20.0, 0.0, 0.0)))
    result = regkit.run(Shifting(), pair, "shifting")
    first, second, expected, *reasons = repr(result).splitlines()
    assert first == f"<RegistrationResult of shifting: {result.verdict.status}"
    assert second == (
        "  translation: rotation 0.0°, shift 60.0 mm (60.0 left), at the centre of the fixed image"
    )
    assert expected.strip().startswith("expected error ")
    assert result.verdict.reasons
    assert [reason.strip(" ->") for reason in reasons] == list(result.verdict.reasons)


class Shifting:
    def register(self, pair):
        return Estimate(AffineTransform.shift((60.0, 0.0, 0.0)), diagnostics={"trace": [0] * 999})


def test_every_representation_is_short():
    pair = small_pair(initial=MOTION)
    result = regkit.run(Shifting(), pair)
    field = DisplacementField(np.ones((*SMALL.shape_zyx, 3)), SMALL)
    for shown in (pair, result, field, field @ MOTION, result.estimate, Case("a", pair)):
        assert len(repr(shown)) < 1000
