"""Which of two methods is better on problems whose answer is known.

    python examples/compare_methods.py [METHOD METHOD]

The images are simulated: the errors say how methods compare here, not how good they are on
patients.
"""

import sys

import numpy as np

from regkit import Case, Grid, Pair, register, rigid
from regkit.metrics.evaluation import evaluate
from regkit.metrics.pose import rotation_deg, tre_mm
from regkit.testing.phantom import thorax

CASES = 4


def problems() -> list[Case]:
    rng = np.random.default_rng(0)
    grid = Grid((44, 36, 44), (7.0, 7.0, 7.0), (-150.5, -122.5, -150.5))
    cases = []
    for number in range(CASES):
        truth = rigid(rng.uniform(-8, 8, 3), rng.uniform(-15, 15, 3))
        pair = Pair(thorax(grid, "pet", noise=0.1), thorax(grid, "ct", truth, noise=0.02))
        cases.append(Case(f"motion-{number}", pair, truth, group="phantom"))
    return cases


def main(methods: list[str]) -> None:
    print(f"{'method':12} {'TRE / mm':>10} {'angle / deg':>12} {'seconds':>8}  verdicts")
    cases = problems()
    for method in methods:
        results = [register(case.pair.fixed, case.pair.moving, method) for case in cases]
        scores = [
            evaluate(case, result, {"tre_mm": tre_mm, "rotation_deg": rotation_deg})
            for case, result in zip(cases, results, strict=True)
        ]
        tre = np.median([s["tre_mm"] for s in scores])
        angle = np.median([s["rotation_deg"] for s in scores])
        seconds = np.median([r.compute_s for r in results])
        verdicts = " ".join(r.verdict.status for r in results)
        print(f"{method:12} {tre:10.2f} {angle:12.2f} {seconds:8.2f}  {verdicts}")


if __name__ == "__main__":
    main(sys.argv[1:] or ["identity", "moments", "mi"])
