"""Threads take every block of a round once, their own first, and wait only for those at work."""

import pytest

from regkit_instance.numba_backend.rounds import (
    close_rounds,
    finish_block,
    finished_blocks,
    new_board,
    open_round,
    take_block,
)

BLOCKS = 7


@pytest.mark.parametrize("turns", ["01" * 9, "0" * 18, "1" * 18, "010010001" * 2, "1100" * 5])
def test_every_block_is_taken_once_in_every_round(turns: str) -> None:
    board = new_board(BLOCKS, threads=2)
    for number in (1, 2, 3):
        open_round(board, BLOCKS)
        taken = [take_block(board, int(thread), BLOCKS) for thread in turns]
        assert all(of_round == number for of_round, _ in taken)
        blocks = [block for _, block in taken if block < BLOCKS]
        assert sorted(blocks) == list(range(BLOCKS))
        assert [block for _, block in taken[len(turns) - 2 :]] == [BLOCKS] * 2


def test_a_thread_takes_the_same_blocks_again_before_those_of_others() -> None:
    board = new_board(BLOCKS, threads=2)
    for _ in range(2):
        open_round(board, BLOCKS)
        assert [take_block(board, 1, BLOCKS)[1] for _ in range(7)] == [3, 4, 5, 6, 0, 1, 2]


def test_a_round_is_done_when_its_blocks_are_and_none_is_left_when_rounds_are_closed() -> None:
    board = new_board(BLOCKS, threads=3)
    assert take_block(board, 2, BLOCKS) == (0, BLOCKS)
    assert finished_blocks(board) == BLOCKS
    open_round(board, BLOCKS)
    for count in range(BLOCKS):
        assert finished_blocks(board) == count
        take_block(board, 0, BLOCKS)
        finish_block(board)
    assert finished_blocks(board) == BLOCKS
    close_rounds(board)
    number, block = take_block(board, 1, BLOCKS)
    assert number < 0
    assert block == BLOCKS
