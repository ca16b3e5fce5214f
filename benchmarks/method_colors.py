"""Colors of the methods on a benchmark's page: as different as can be for color-blind readers too.

.. code-block:: console

   $ .venv/bin/python benchmarks/method_colors.py

prints the lines of ``src/regkit/report/templates/method_colors.css``, for a light and a dark page.
The colors maximize the smallest distance between any two, in OKLab (Ottosson 2020), over four
kinds of color vision (Machado et al. 2009, doi:10.1109/TVCG.2009.113, severity 1), within limits
of lightness that keep them apart from the page; found by exchange from random starts.
"""

import numpy as np
from numpy.typing import NDArray

COUNT = 16
# Limits of OKLab's lightness, by page; chosen by hand: all stand out from the paper.
LIGHTNESS = {"light": (0.35, 0.76), "dark": (0.55, 0.95)}
LEAST_CHROMA = 0.05  # greys are for what is no method; chosen by hand
STARTS, ROUNDS = 20, 30

# From linear sRGB to what a reader without red, green or blue cones sees; the first sees all.
VISIONS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ],
    ]
)
TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
Colors = NDArray[np.float64]


def linear(srgb: Colors) -> Colors:
    """Return linear intensities of sRGB values from 0 to 1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def seen(srgb: Colors) -> Colors:
    """Return colors as each kind of reader sees them, in OKLab, shape (4, N, 3)."""
    light = np.clip(np.einsum("vij,nj->vni", VISIONS, linear(srgb)), 0, 1)
    return np.cbrt(light @ TO_LMS.T) @ TO_OKLAB.T


def candidates(page: str) -> tuple[Colors, Colors]:
    """Return colors to choose from, as sRGB and as seen."""
    steps = np.linspace(0, 1, 12)
    srgb = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    lab = seen(srgb)
    low, high = LIGHTNESS[page]
    fits = (low <= lab[0, :, 0]) & (lab[0, :, 0] <= high)
    fits &= np.hypot(lab[0, :, 1], lab[0, :, 2]) >= LEAST_CHROMA
    return srgb[fits], lab[:, fits]


def palette(page: str) -> tuple[Colors, float]:
    """Return the best colors found for a page, and the smallest distance between two."""
    srgb, lab = candidates(page)
    between = np.min([np.linalg.norm(v[:, None] - v, axis=-1) for v in lab], axis=0)
    best, best_distance = np.zeros(0, int), 0.0
    for start in range(STARTS):
        chosen = np.random.default_rng(start).choice(len(srgb), COUNT, replace=False)
        for _ in range(ROUNDS):
            for place in range(COUNT):  # the best color for each place, the others kept
                others = np.delete(chosen, place)
                chosen[place] = between[:, others].min(axis=1).argmax()
        distance = float((between[np.ix_(chosen, chosen)] + np.eye(COUNT)).min())
        if distance > best_distance:
            best, best_distance = chosen.copy(), distance
    blue = -lab[0, best, 2]
    return srgb[best[_order(between[np.ix_(best, best)], int(blue.argmax()))]], best_distance


def _order(between: Colors, first: int) -> list[int]:
    """Order colors so that the first few differ most: each is the farthest from those before."""
    order = [first]
    while len(order) < len(between):
        left = [number for number in range(len(between)) if number not in order]
        order.append(max(left, key=lambda number: between[number, order].min()))
    return order


def css(page: str) -> str:
    """Return the variables of a page's style sheet."""
    colors, distance = palette(page)
    written = ["#" + "".join(f"{round(255 * c):02x}" for c in color) for color in colors]
    variables = " ".join(f"--m{number}: {color};" for number, color in enumerate(written))
    return f"/* {page}: smallest distance {distance:.3f} */ {variables}"


if __name__ == "__main__":
    for page in LIGHTNESS:
        print(css(page))
