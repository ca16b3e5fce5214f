"""Rounds of blocks that threads share while they stay in compiled code.

Waking a sleeping thread takes nearly a tenth of a millisecond, a round of a search not much more.
So threads wait for the next round by looking for it. One of them leads: it opens a round when all
blocks of the one before are done. Every thread takes its own blocks, the same ones in every round
since they are in its cache, and then what others have left: one that comes late, or never, is not
waited for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from regkit.compiled import compiled

# Entries of a board are so far apart, since whoever changes one takes its cache line. Every thread
# has one for its round and next block, in one number so that both change at once; the last one is
# the number of blocks done.
APART = 16
ROUND = 2**32  # more than anyone looks for a block in a round
CLOSED = -(2**62)


def new_board(blocks: int, threads: int) -> NDArray[np.int64]:
    """Return a board as after a round, numbered 0, of so many blocks."""
    return np.full(APART * (threads + 1), blocks, np.int64)


@compiled
def open_round(board: Any, blocks: int) -> None:
    """Open the next round; of the leading thread only."""
    threads = board.shape[0] // APART - 1
    number = entry(board, 0) // ROUND + 1
    set_entry(board, threads * APART, 0)
    for thread in range(threads):
        set_entry(board, thread * APART, number * ROUND + thread * blocks // threads)


@compiled
def close_rounds(board: Any) -> None:
    """Send the other threads away."""
    set_entry(board, 0, CLOSED)


@compiled
def take_block(board: Any, thread: int, blocks: int) -> tuple[int, int]:
    """Return the round, negative if closed, and the block taken, `blocks` if none is left."""
    threads = board.shape[0] // APART - 1
    for turn in range(threads):
        owner = (thread + turn) % threads
        end = (owner + 1) * blocks // threads
        ticket = entry(board, owner * APART)
        if ticket >= 0 and ticket % ROUND < end:
            ticket = add_to_entry(board, owner * APART, 1)
            if ticket >= 0 and ticket % ROUND < end:
                return ticket // ROUND, ticket % ROUND
    return entry(board, 0) // ROUND, blocks


@compiled
def finish_block(board: Any) -> None:
    """Count a block as done."""
    add_to_entry(board, board.shape[0] - APART, 1)


@compiled
def finished_blocks(board: Any) -> Any:
    """Return the number of blocks done in this round, and see what was written for them."""
    return entry(board, board.shape[0] - APART)


# The arguments of an intrinsic function are the types of what its code is for.
@intrinsic
def entry(_: Any, array: Any, index: Any) -> Any:  # noqa: ARG001
    """Return an entry as it is now, and see all that was written before it was set."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, signature, given), "acquire", 8)

    return types.int64(array, types.int64), generate


@intrinsic
def set_entry(_: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Set an entry, after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pointer = _pointer(context, builder, signature, given)
        builder.store_atomic(given[2], pointer, "release", 8)

    return types.void(array, types.int64, types.int64), generate


@intrinsic
def add_to_entry(_: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001
    """Add to an entry, and return what it was, as one step that no thread sees in between."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        pointer = _pointer(context, builder, signature, given)
        return builder.atomic_rmw("add", pointer, given[2], "seq_cst")

    return types.int64(array, types.int64, types.int64), generate


def _pointer(context: Any, builder: Any, signature: Any, given: Any) -> ir.Value:
    array = context.make_array(signature.args[0])(context, builder, given[0])
    return builder.gep(array.data, [given[1]])
