"""Sentences on what regkit chose by itself."""

import pytest

from regkit.registration.choice_text import choice_in_words, choices_in_words, used_methods

CHOICE = {"used": "fast-mi", "why": "it searches"}


@pytest.mark.parametrize(
    ("diagnostics", "said"),
    [
        ({}, ""),
        ({"stages": [{"starts": 3}, {}]}, ""),
        (CHOICE, "used fast-mi: it searches"),
        ({"used": "mi", "tried": []}, "used mi"),
        ({"used": "mi", "tried": [{"method": "mi", "verdict": "OK"}]}, "used mi"),
        (
            {
                "used": "auto (fast-mi)",
                "tried": [
                    {"method": "moments", "verdict": "CHECK"},
                    {"method": "auto", "verdict": "OK"},
                ],
            },
            "used auto (fast-mi): the verdict on moments is CHECK",
        ),
        ({"score": 1.0, "stages": [CHOICE, {"score": 1.0}]}, "used fast-mi: it searches"),
    ],
)
def test_a_choice_among_methods_is_one_sentence(diagnostics, said) -> None:
    assert choice_in_words(diagnostics) == said
    used = used_methods(diagnostics)
    assert (said.removeprefix("used ").split(":")[0] or None) == used


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ({"init": "auto", "assumption": "headers: no other start is more similar"}, []),
        (
            {"init": "auto", "assumption": "centre: more similar"},
            ["started from centre: more similar"],
        ),
        ({"init": "centre"}, []),
        ({"init": "a.mat", "assumption": "read as FSL's"}, []),
    ],
)
def test_an_automatic_start_is_said_unless_it_is_the_headers(start, said) -> None:
    assert choices_in_words({"start": start}) == said
    both = choices_in_words({"start": start, "diagnostics": CHOICE})
    assert both == [*said, "used fast-mi: it searches"]


def test_why_a_result_was_rejected_is_said_first() -> None:
    start = {"init": "auto", "assumption": "centre: more similar"}
    rejected, none = {"rejected": "it aligns them worse"}, {"rejected": ""}
    assert choices_in_words({"start": start, "diagnostics": rejected}) == [
        "kept the transform that it started from: it aligns them worse",
        "started from centre: more similar",
    ]
    assert choices_in_words({"start": start, "diagnostics": none})[0].startswith("started")
