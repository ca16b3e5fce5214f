"""The record of a registration holds whatever a method says, as JSON that anybody can read."""

import json

import numpy as np

from regkit.report.record import plain


def strictly(text):
    """Read JSON as strict readers do, which know no NaN."""

    def refuse(word):
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


def test_what_a_method_says_becomes_json():
    said = {
        "lost": float("nan"),
        ("a", 1): np.array([1.0, np.inf]),
        "count": np.int64(3),
        "nested": [{"share": np.float32(0.5)}, (True, None, "text")],
        "kept": {7},
        "type": complex,
    }
    assert strictly(json.dumps(plain(said))) == {
        "lost": None,
        "('a', 1)": [1.0, None],
        "count": 3,
        "nested": [{"share": 0.5}, [True, None, "text"]],
        "kept": [7],
        "type": "<class 'complex'>",
    }
