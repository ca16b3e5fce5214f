"""The record of a registration holds whatever a method says, as JSON that anybody can read."""

import json

import numpy as np
from tests.support.pet_series import DATED, pet_series

from regkit import read_volume, register
from regkit.report.record import Inputs, registration_record, to_plain_data


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
    assert strictly(json.dumps(to_plain_data(said))) == {
        "lost": None,
        "('a', 1)": [1.0, None],
        "count": 3,
        "nested": [{"share": 0.5}, [True, None, "text"]],
        "kept": [7],
        "type": "<class 'complex'>",
    }


def test_a_pet_tells_how_it_became_suv(shared_data):
    home = shared_data / "sts_dicom" / "STS_002"
    ct, pet = (read_volume(home / kind / "image") for kind in ("CT", "PET"))
    result = register(ct, pet, "identity")
    inputs = Inputs(home / "CT" / "image", home / "PET" / "image")
    record = registration_record(result, "out.tfm", inputs, 0.0)
    told = record["inputs"]["moving"]["suv"]
    assert told == {"factor": 1.0, "units": "GML", "suv_type": "BW"}
    assert "suv" not in record["inputs"]["fixed"]


def test_a_pet_tells_what_is_beyond_belief(tmp_path):
    folder = pet_series(tmp_path, injection=DATED | {"RadionuclideTotalDose": "350e3"})
    pet = read_volume(folder)
    result = register(pet, pet, "identity")
    told = registration_record(result, "out.tfm", Inputs(folder, folder), 0.0)
    (remark,) = told["inputs"]["fixed"]["suv"]["remarks"]
    assert "is beyond belief" in remark
