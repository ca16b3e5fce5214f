"""Full-size networks, against the published code (METHODS.md, section 10)."""

import numpy as np
import pytest

from golden_weights import fill, inputs, noise, predict
from regkit_pairnets import build_pair_network

CARDIAC, PROSTATE = (80, 80, 40), (32, 96, 96)

GOLDEN = """
dusfe-code   -1.029131406 -3.745767483 4.429407661 -10.02118788 -0.03500498108 -2.014281169
dusfe-paper  -1.944002305 -4.574943964 4.720189508 -9.737671468 0.2994598021 -1.868449716
densenet     -0.09141510903 -0.4081177617 0.6064928998 -1.665793853 0.2031300943 -0.5855878827
attention    -0.05043602077 -0.05332856994 0.2160505218 -0.147797276 0.006310308585 0.01037492276
features     -0.009487446815 -0.04214430361 0.1211274533 -0.1427042731 -0.01396418431 -0.0211797152
msreg-lab    -0.5670401464 0.221172965 0.3458181686 -0.2312207655 0.06770356958 0.3013420968
dvnet        0.1118883502 -0.06204102757 0.1647288083 -0.3091023403 -0.2717851092 -0.1408364339
msreg        0.8247192023 -0.4470227881 -1.16129375 1.388885392 0.1465711141 -0.7533822118
nonlocal     -0.1031450411 -0.07771135965 0.05955416771 -0.217112742 0.7814407175 -0.4793864101
"""


def golden(row: str) -> list[float]:
    rows = {name: numbers for name, *numbers in map(str.split, GOLDEN.split("\n")[1:-1])}
    return [float(number) for number in rows[row]]


def test_the_fill_rule() -> None:
    six = [-0.07769835, 0.17314761, 0.92525103, -0.62205663, -0.47072677, -0.69197917]
    np.testing.assert_allclose(noise(6), six, atol=1e-8)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # minutes each on a busy machine
@pytest.mark.parametrize(
    ("row", "name", "grid", "switches"),
    [
        ("dusfe-code", "dusfe", CARDIAC, {"fuse_batchnorm": True}),
        ("dusfe-paper", "dusfe", CARDIAC, {"dead_fuse_convs": True}),
        ("densenet", "densenet", CARDIAC, {}),
        ("attention", "attention-reg", PROSTATE, {}),
        ("features", "attention-reg", PROSTATE, {"attention": False}),
        ("msreg-lab", "msreg-original", PROSTATE, {}),
        ("dvnet", "dvnet", CARDIAC, {}),
        ("msreg", "msreg", CARDIAC, {}),
        ("nonlocal", "densenet-nonlocal", CARDIAC, {}),
    ],
)
def test_published_forward_values(row, name, grid, switches) -> None:
    network = fill(build_pair_network(name, grid, **switches))
    np.testing.assert_allclose(predict(network, *inputs(grid)), golden(row), rtol=1e-6)
