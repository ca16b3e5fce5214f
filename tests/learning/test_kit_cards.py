"""Cards as JSON: what was written is read, and everything else is refused in one line."""

import json
import subprocess
import sys

import pytest

from regkit.errors import FileFormatError, ParameterError
from regkit.learning import ImageDomain
from regkit.learning.domain_guard import domain_features, measure_domain
from regkit.learning.renamed_keys import RENAMED, renamed_key
from toy_method import ToyCard, ball

DOMAIN = ImageDomain(
    modalities=("pet", "spect"), extent_mm=(1.0, 2.0, 3.0), ranges={"mean": (0.0, 1.0)}
)
CARD = ToyCard(
    method="toy",
    network="shift",
    switches={"bias": True},
    fixed=DOMAIN,
    moving=DOMAIN,
    passes=3,
    sha256="abc",
    about={"data": {"any": [1, None, "words"]}},
)


def plain() -> dict:
    return json.loads(json.dumps(CARD.to_json()))


def test_a_card_survives_json() -> None:
    assert ToyCard.from_json(plain(), "x") == CARD
    assert ToyCard.from_json(plain() | {"unknown key": 1}, "x") == CARD


def test_fields_with_defaults_may_be_missing() -> None:
    content = {k: v for k, v in plain().items() if k not in {"passes", "sha256", "about"}}
    assert ToyCard.from_json(content, "x").passes == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"passes": "2"}, "passes takes int, got '2'"),
        ({"passes": True}, "passes takes int, got True"),
        ({"passes": 0}, "passes must be from 1 to 100, got 0"),
        ({"method": None}, "method takes str, got None"),
        ({"switches": []}, r"switches takes Mapping, got \[\]"),
        ({"fixed": 3}, "fixed must be an object, got 3"),
        ({"fixed": {"modalities": ["pet"]}}, "it has no 'fixed.extent_mm'"),
        ({"switches": {"fold": 2}}, "switches.fold is called 'space_to_depth' now"),
        ({"fixed": {"modality": "pet"}}, "'fixed.modality' is called 'fixed.modalities' now"),
    ],
)
def test_a_wrong_key_is_named_with_file_and_value(change, says) -> None:
    expected = (
        f"^the card of toy.json cannot be used: {says}; weights of another version must be removed"
    )
    with pytest.raises(FileFormatError, match=expected):
        ToyCard.from_json(plain() | change, "toy.json")


@pytest.mark.parametrize(
    ("extent", "says"),
    [([1, 2], "takes .*, got"), ([1, 2, "3"], "fixed.extent_mm takes float, got '3'")],
)
def test_numbers_of_a_nested_key_are_checked(extent, says) -> None:
    content = plain()
    content["fixed"]["extent_mm"] = extent
    with pytest.raises(FileFormatError, match=says):
        ToyCard.from_json(content, "toy.json")
    content["fixed"]["extent_mm"] = [1, 2, 3]
    assert ToyCard.from_json(content, "toy.json").fixed.extent_mm == (1.0, 2.0, 3.0)


def test_a_card_out_of_range_cannot_be_made() -> None:
    with pytest.raises(ParameterError, match="passes must be from 1 to 100"):
        ToyCard(method="toy", network="shift", switches={}, fixed=DOMAIN, moving=DOMAIN, passes=0)


def test_every_renamed_key_has_another_name() -> None:
    for old, new in RENAMED.items():
        assert old not in new
        assert renamed_key([old], list(new)) == f"'{old}' is called '{new[0]}' now"
        assert renamed_key([old], [old, *new]) is None


def test_a_domain_is_measured_as_the_range_of_its_images() -> None:
    features = [domain_features(ball(x).array, 0.0) for x in (0.0, 20.0, 40.0)]
    facts = [
        {"modality": m, "extent_mm": (10.0, 20.0, e), "center_of_mass_offset_mm": (0, 0, e),
         "voxel_mm": v}
        for m, e, v in (("pet", 10.0, 3.0), ("", 30.0, 9.0))
    ]  # fmt: skip
    domain = measure_domain(features, facts, 4.0)
    assert domain.modalities == ("pet",)
    assert domain.extent_mm == (10.0, 20.0, 20.0)
    assert domain.center_of_mass_offset_mm == (0.0, 0.0, 20.0)
    assert domain.ranges["voxel_mm"] == (0.0, 9.0)
    assert domain.ranges["known_fraction"] == (1.0, 1.0)
    means = [one["mean"] for one in features]
    assert domain.ranges["mean"] == (min(means), max(means))


def test_a_registrar_is_defined_without_torch() -> None:
    """Neither are cards, domains and grids in need of it."""
    code = (
        "import sys; from regkit.learning import ImageDomain, LearnedMethod, ModelCard, "
        "NetworkInputs, centered_grid, register_with_model; assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_third_party_imports_the_kit_by_its_names() -> None:
    """Every name that the kit announces is there."""
    import regkit.learning as kit

    assert {"PairCard", "LearnedMethod", "Task", "train_method", "load_model"} <= set(kit.__all__)
    for name in kit.__all__:
        assert getattr(kit, name).__name__ == name, name
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = kit.absent
