"""nnU-Net's rules against plans that others published, and laws that every plan obeys."""

import pytest

from regkit_msstunet.networks.nnunet_plan import ROOM, plan_network, plan_topology

# Median shape, spacing and number of labels, and the patch and poolings of the plan: the tasks
# of Isensee et al. 2021, and, below, nnUNetPlans.json of NIH-MIP/FDG-PET-CT_AI, of
# cemmacabales/nnunetv2_3DKidney and of Usamakhan843/3D-Lung-Tumor-Segmentation-with-nnU-Net.
PUBLISHED = {
    "hippocampus": ((36, 50, 35), (1, 1, 1), 3, (40, 56, 40), (3, 3, 3)),
    "prostate": ((20, 320, 319), (3.6, 0.62, 0.62), 3, (20, 320, 256), (2, 6, 6)),
    "heart, cine": ((18, 237, 208), (5, 1.56, 1.56), 4, (20, 256, 224), (2, 5, 5)),
    "PET/CT": ((326, 400, 400), (3, 2.0364, 2.0364), 2, (128, 128, 128), (5, 5, 5)),
    "PET/CT, coarse": ((175, 215, 215), (5.5809, 3.7883, 3.7883), 2, (128, 128, 128), (5, 5, 5)),
    "kidney": ((434.5, 512, 467), (0.9131, 0.7852, 0.8164), 2, (128, 128, 128), (5, 5, 5)),
    "lung": ((252, 512, 512), (1.24498, 0.78516, 0.78516), 2, (80, 192, 160), (4, 5, 5)),
    "lung, coarse": ((132, 267, 267), (2.3855, 1.5044, 1.5044), 2, (80, 192, 160), (4, 5, 5)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_plans_come_out(name) -> None:
    shape, spacing, classes, patch, poolings = PUBLISHED[name]
    plan = plan_network(shape, spacing, classes)
    assert (plan.patch, plan.poolings) == (patch, poolings)


def test_the_strides_and_kernels_of_a_published_anisotropic_plan() -> None:
    plan = plan_topology((20, 320, 256), (3.6, 0.62, 0.62))
    flat, cubic = (1, 2, 2), (2, 2, 2)
    assert plan.strides == ((1, 1, 1), flat, flat, cubic, cubic, flat, flat)
    assert plan.kernels == ((1, 3, 3), (1, 3, 3), *((3, 3, 3),) * 5)


def test_an_isotropic_patch_of_128_has_five_poolings_and_a_bottleneck_of_4() -> None:
    plan = plan_network((128, 128, 128), (3.4, 3.4, 3.4), 3)
    assert plan.patch == (128, 128, 128)
    assert plan.poolings == (5, 5, 5)
    assert plan.sizes()[-1] == (4, 4, 4)
    assert plan.features == (32, 64, 128, 256, 320, 320)
    assert set(plan.kernels) == {(3, 3, 3)}


@pytest.mark.parametrize("side", [*range(8, 40), 47, 64, 65, 96, 127, 200])
def test_cubes_are_halved_while_four_voxels_remain(side) -> None:
    plan = plan_topology((side,) * 3, (1, 1, 1))
    (padded, _, _), (pooled, _, _) = plan.patch, plan.poolings
    assert side <= padded < side + 2**pooled
    assert padded % 2**pooled == 0
    assert 4 <= plan.sizes()[-1][0] < 8


def test_the_order_of_axes_does_not_matter() -> None:
    one = plan_topology((20, 320, 256), (3.6, 0.62, 0.62))
    other = plan_topology((256, 20, 320), (0.62, 3.6, 0.62))
    turned = [tuple(n[i] for i in (2, 0, 1)) for n in one.kernels]
    assert list(other.kernels) == turned
    assert other.poolings == tuple(one.poolings[i] for i in (2, 0, 1))


def test_less_room_makes_the_patch_smaller_and_is_kept_to() -> None:
    shape, spacing = (182, 218, 182), (1, 1, 1)
    voxels = []
    for room in (4 * ROOM, ROOM, ROOM / 4, ROOM / 16):
        plan = plan_network(shape, spacing, 3, room)
        assert plan.feature_map_values(3) <= room
        first, second, third = plan.patch
        voxels.append(first * second * third)
    assert voxels == sorted(voxels, reverse=True)
    assert len(set(voxels)) == 4
