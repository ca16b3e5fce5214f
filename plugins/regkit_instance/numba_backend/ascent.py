"""BFGS searches for rigid motions of greatest mutual information, each from start to end.

Nothing interpreted is called on the way: several threads do whole searches side by side, or share
the points of one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regkit.compiled import compiled
from regkit.geometry.grid import FloatArray
from regkit_instance.numba_backend.bfgs import arrive, restart, take_steps
from regkit_instance.numba_backend.mi import differentiate, score_joints, tally
from regkit_instance.numba_backend.rounds import (
    close_rounds,
    finish_block,
    finished_blocks,
    new_board,
    open_round,
    take_block,
)

# Looks for a block, a few nanoseconds each, after which a thread gives up: longer than the leading
# one takes between two rounds, unless something else runs in its place. By hand.
PATIENCE = 200_000
TINY_RAD = 1e-150  # in place of no angle, whose sine has no ratio


class Landscape(NamedTuple):
    """Mutual information as a function of the map.

    Parameters
    ----------
    volume
        The moving image, shape (z, y, x), float32.
    to_index
        Map from mm to its index, shape (3, 4).
    points
        Sample points x, y, z, shape (3, N), float32.
    bins
        Bin of the fixed value at each point, shape (N,), uint8.
    fixed_counts
        Number of points in each bin, float64.
    min_points
        Smallest number of known values for a score.
    normalized
        True for normalized mutual information.
    block
        Number of points whose sums are formed apart.
    radius_mm
        Distance of the edge of the body from its centre, mm.
    """

    volume: NDArray[np.float32]
    to_index: FloatArray
    points: NDArray[np.float32]
    bins: NDArray[np.uint8]
    fixed_counts: FloatArray
    min_points: int
    normalized: bool
    block: int
    radius_mm: float


class Work(NamedTuple):
    """State of a search that all threads see which carry it.

    Parameters
    ----------
    board
        That of `regkit_instance.numba_backend.rounds`. Every evaluation has two rounds of blocks
        of points: an odd one of look-ups, and an even one of derivatives.
    indexed
        Map from sample points to indices, shape (1, 3, 4).
    values, gradients
        Values at the points and their derivatives by the index, shapes (1, N) and (1, 3, N).
    joints, tables
        Joint histograms of the blocks, and the tables of
        `regkit_instance.numba_backend.mi.score_joints`.
    by_blocks
        Derivatives by the entries of the map, shape (1, blocks, 3, 4).
    """

    board: NDArray[np.int64]
    indexed: FloatArray
    values: NDArray[np.float32]
    gradients: NDArray[np.float32]
    joints: NDArray[np.float32]
    tables: NDArray[np.float32]
    by_blocks: FloatArray


def new_work(landscape: Landscape, threads: int = 1) -> Work:
    """Return what threads need for searches on a landscape, one after the other."""
    size, count = len(landscape.fixed_counts), landscape.points.shape[1]
    blocks = max(-(-count // landscape.block), 1)
    values, gradients = np.empty((1, count), np.float32), np.empty((1, 3, count), np.float32)
    joints = np.empty((1, blocks, size + 1, size), np.float32)
    tables, by_blocks = np.empty((1, size, size), np.float32), np.empty((1, blocks, 3, 4))
    indexed = np.empty((1, 3, 4))
    return Work(new_board(blocks, threads), indexed, values, gradients, joints, tables, by_blocks)


@compiled
def ascend(
    landscape: Any,
    work: Any,
    thread: int,
    searches: Any,
    limits_mm: Any,
    most: int,
    part: Any,
    evaluations: Any,
) -> None:
    """Carry searches from their maps to their ends, or help the thread that does.

    Both run this one loop over blocks: of two copies, sums may have another order.

    Parameters
    ----------
    landscape, work
        A `Landscape`, and a new `Work` for it.
    thread
        Number of this thread among those that share the blocks of points; 0 carries the searches.
    searches
        Changed in place: a `regkit_instance.numba_backend.bfgs.Searches`.
    limits_mm
        Those of `regkit_instance.numba_backend.bfgs.take_steps`.
    most
        Largest number of evaluations of a search.
    part
        First search, and the one after the last.
    evaluations
        Filled with the number of evaluations of each search.
    """
    board, blocks, waited = work.board, work.joints.shape[1], 0
    own, at = np.array((0, 0, landscape.block)), np.array((part[0] - 1,))
    trial = np.empty((1, 6)), np.empty((1, 3, 4)), np.empty(1), np.empty((1, 6))
    points, bins, values, gradients = landscape.points, landscape.bins, work.values, work.gradients
    while thread == 0 or waited < PATIENCE:
        number, block = take_block(board, thread, blocks)
        looks_up = number % 2 == 1
        if number < 0:
            return
        if block < blocks:
            own[0], own[1], waited = block, block + 1, 0
            if looks_up:
                volume, joints = landscape.volume, work.joints
                tally(volume, work.indexed, points, bins, own, values, gradients, joints)
            else:
                differentiate(values, gradients, points, bins, work.tables, own, work.by_blocks)
            finish_block(board)
        elif thread > 0:
            waited += 1
        elif finished_blocks(board) == blocks:
            if looks_up:
                score(landscape, work, trial[2])
            elif not go_on(
                landscape, work, searches, limits_mm, most, part, evaluations, at, trial
            ):
                close_rounds(board)
                return
            open_round(board, blocks)


@compiled
def score(landscape: Any, work: Any, scores: Any) -> None:
    """Score the map whose blocks have been looked up."""
    counts, least, ratio = landscape.fixed_counts, landscape.min_points, landscape.normalized
    only, known = np.array((0, 1)), np.empty(1)
    score_joints(work.joints, counts, least, ratio, only, scores, known, work.tables)


@compiled
def go_on(
    landscape: Any,
    work: Any,
    searches: Any,
    limits_mm: Any,
    most: int,
    part: Any,
    evaluations: Any,
    at: Any,
    trial: Any,
) -> bool:
    """Note the map evaluated, and propose the next one, of the next search where one has ended.

    Parameters
    ----------
    at
        Number of the search, before the first one at the beginning.
    trial
        Step, map, score and slopes of the map evaluated; see `take_steps`.

    Returns
    -------
    bool
        False if all searches have ended.
    """
    (steps, maps, scores, slopes), b = trial, at[0]
    if b >= part[0]:
        turn_slopes(work.by_blocks[0], landscape.to_index, maps[0], landscape.radius_mm, slopes[0])
        if evaluations[b] == 0:
            arrive(searches, b, maps[0], scores[0], slopes[0])
            restart(searches, b, limits_mm)
            searches.active[b] = np.isfinite(scores[0])
        else:
            take_steps(searches, at, steps, maps, scores, slopes, limits_mm)
        evaluations[b] += 1
    if b < part[0] or not searches.active[b] or evaluations[b] >= most:
        b += 1
        if b == part[1]:
            return False
        at[0], evaluations[b], searches.length[b] = b, 0, 0.0
    for p in range(6):  # first to where it starts
        length = searches.length[b]
        steps[0, p] = length * searches.direction[b, p] if length > 0.0 else 0.0
    move(searches.maps[b], steps[0], landscape.radius_mm, maps[0])
    compose(landscape.to_index, maps[0], work.indexed[0])
    return True


@compiled
def move(start: Any, step: Any, radius_mm: float, out: Any) -> None:
    """Fill in a map moved by a step, as `regkit_instance.motion.Motion` does for rigid motions."""
    wx, wy, wz = step[3] / radius_mm, step[4] / radius_mm, step[5] / radius_mm
    half = 0.5 * max(np.sqrt(wx * wx + wy * wy + wz * wz), TINY_RAD)
    ratio = np.sin(half) / half
    once, twice = ratio * np.cos(half), 0.5 * ratio * ratio
    for column in range(4):
        x, y, z = start[0, column], start[1, column], start[2, column]
        if column == 3:
            out[0, 3], out[1, 3], out[2, 3] = x + step[0], y + step[1], z + step[2]
            continue
        ax, ay, az = wy * z - wz * y, wz * x - wx * z, wx * y - wy * x  # [w]x of the column
        out[0, column] = x + once * ax + twice * (wy * az - wz * ay)
        out[1, column] = y + once * ay + twice * (wz * ax - wx * az)
        out[2, column] = z + once * az + twice * (wx * ay - wy * ax)


@compiled
def compose(outer: Any, inner: Any, out: Any) -> None:
    """Fill in the map that does the inner one first, all of shape (3, 4)."""
    for row in range(3):
        for column in range(4):
            total = outer[row, 3] if column == 3 else 0.0
            for k in range(3):
                total += outer[row, k] * inner[k, column]
            out[row, column] = total


@compiled
def turn_slopes(by_blocks: Any, to_index: Any, at: Any, radius_mm: float, slopes: Any) -> None:
    """Fill in the derivatives by rigid steps from those by the entries of an indexed map.

    `by_blocks`, shape (blocks, 3, 4), are added up; `at` is the map in mm.
    """
    turned, by_map = np.zeros((3, 3)), np.zeros((3, 4))
    for block in range(by_blocks.shape[0]):
        for row in range(3):
            for column in range(4):
                for k in range(3):
                    by_map[row, column] += to_index[k, row] * by_blocks[block, k, column]
    for row in range(3):
        slopes[row] = by_map[row, 3]
        for column in range(3):
            for k in range(3):
                turned[row, column] += by_map[row, k] * at[column, k]
    slopes[3] = (turned[2, 1] - turned[1, 2]) / radius_mm
    slopes[4] = (turned[0, 2] - turned[2, 0]) / radius_mm
    slopes[5] = (turned[1, 0] - turned[0, 1]) / radius_mm
