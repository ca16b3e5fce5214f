"""Progress of a training: a bar on a terminal, elsewhere a line every half minute."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from regkit.cli.context import settings
from regkit.cli.progress import progress_bar, say
from regkit.cli.progress_lines import DELAY_S, clock

if TYPE_CHECKING:
    from regkit.learning.training_job import TrainingProgress

Show: TypeAlias = "Callable[[TrainingProgress], None]"
# Seconds between two lines; fixed by the contract of the command.
EVERY_S = 30.0
# Steps after which the time of one is known: the first one also allocates memory. Trainings
# shorter than this many seconds need no announcement. Both chosen by hand.
MEASURED_STEPS, LONG_S = 3, 120.0
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0


@contextmanager
def training_progress() -> Iterator[Show]:
    """Yield the function that shows progress; it also announces how long the training takes."""
    announcement = CostAnnouncement(say)
    with _bars() if sys.stderr.isatty() and not settings.quiet else _lines() as show:

        def show_all(progress: TrainingProgress) -> None:
            announcement.show(progress)
            show(progress)

        yield show_all


class TrainingLines:
    """Lines with step, loss, rate and time left: every half minute, and at the end of a stage.

    Parameters
    ----------
    say
        Function that writes a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stage = ""

    def show(self, progress: TrainingProgress) -> None:
        """Take notice of progress, and write a line if one is due."""
        now = time.monotonic()
        if progress.stage != self._stage:
            self._stage, self._first = progress.stage, progress.done
            self._began = self._told = now
        at_end = progress.done == progress.total and now - self._began >= DELAY_S
        if at_end or now - self._told >= EVERY_S:
            self._told = now
            self._say(self._line(progress, now - self._began))

    def _line(self, progress: TrainingProgress, passed_s: float) -> str:
        parts = [f"{progress.stage}: {progress.done} of {progress.total}"]
        parts += [f"{name} {value:.3g}" for name, value in progress.facts.items()]
        done = progress.done - self._first
        if done:
            parts.append(rate_text(done / passed_s))
            left_s = passed_s / done * (progress.total - progress.done)
            parts.append(f"{clock(left_s)} left" if left_s else f"{clock(passed_s)} in all")
        return ", ".join(parts)


class CostAnnouncement:
    """A line on how long a step takes here, and all of them, after the first few.

    Parameters
    ----------
    say
        Function that writes a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._times: list[float] = []

    def show(self, progress: TrainingProgress) -> None:
        """Take notice of a step, and write the line once the time of a step is known."""
        if not progress.device or len(self._times) > MEASURED_STEPS:
            return
        self._times.append(time.monotonic())
        if len(self._times) <= MEASURED_STEPS:
            return
        step_s = (self._times[-1] - self._times[1]) / (MEASURED_STEPS - 1)
        left = progress.total - progress.done
        if step_s * left < LONG_S:
            return
        advice = (
            "; a GPU is many times as fast: train where there is one, with --device cuda"
            if progress.device == "cpu"
            else ""
        )
        self._say(
            f"a step takes about {duration_text(step_s)} here ({progress.device}), the other "
            f"{left} take about {duration_text(step_s * left)}{advice}"
        )


def rate_text(per_s: float) -> str:
    """Return a rate in steps per second, or below one in seconds per step."""
    return f"{per_s:.3g} steps/s" if per_s >= 1 else f"{1 / per_s:.3g} s/step"


def duration_text(seconds: float) -> str:
    """Return a duration in the unit that suits it, such as 0.34 s, 25 minutes or 11.8 days."""
    for unit, name in ((DAY_S, "days"), (HOUR_S, "hours"), (MINUTE_S, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


@contextmanager
def _lines() -> Iterator[Show]:
    yield TrainingLines(say).show


@contextmanager
def _bars() -> Iterator[Show]:
    """Show one bar per stage with the time remaining."""
    from rich.progress import TaskID, TextColumn, TimeRemainingColumn

    with progress_bar(TimeRemainingColumn(), TextColumn("{task.fields[facts]}")) as bar:
        tasks: dict[str, TaskID] = {}

        def show(progress: TrainingProgress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bar.add_task(
                    progress.stage, total=progress.total, facts=""
                )
            facts = "  ".join(f"{name} {value:.3g}" for name, value in progress.facts.items())
            bar.update(tasks[progress.stage], completed=progress.done, facts=facts)

        yield show
