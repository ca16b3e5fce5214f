"""The worst point tells more than the mean where a needle or a beam has to hit."""

import numpy as np

from regkit.metrics.evaluation import Evaluation


def worst_tre_mm(evaluation: Evaluation) -> float:
    """Return the largest distance in mm of mapped points from their true positions."""
    points, goals = evaluation.points
    mapped = evaluation.result.transform.map_points(points)
    return float(np.linalg.norm(mapped - goals, axis=1).max())
