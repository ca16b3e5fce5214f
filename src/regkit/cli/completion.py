"""Words that the shell completes on Tab; finding them imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from regkit.cli.context import current_registry
from regkit.cli.log_level import LOG_LEVELS

if TYPE_CHECKING:
    from regkit.registry import RegisteredSpec

# A word, and what a shell that can shows beside it.
Word: TypeAlias = tuple[str, str]
Completer: TypeAlias = Callable[[str], list[Word]]

# What stands between the methods of an expression.
METHOD_SEPARATORS = "+,/="
# Of `regkit.registration.initialization`, which loads numpy (tested to be the same).
INITIALIZERS = ("auto", "identity", "centre")


def complete_from(choices: str) -> Completer:
    """Return a completer of fixed words, written as ``a|b|c`` or ``a, b, c``."""
    words = [word.strip() for word in choices.replace(",", "|").split("|")]
    return lambda incomplete: _starting_with(incomplete, ((word, "") for word in words))


def complete_methods(incomplete: str) -> list[Word]:
    """Complete the last method of an expression such as ``moments+m``."""
    begun = max(incomplete.rfind(separator) for separator in METHOD_SEPARATORS) + 1
    words = _starting_with(incomplete[begun:], _described(current_registry().methods))
    return [(incomplete[:begun] + name, summary) for name, summary in words]


def complete_trainable_methods(incomplete: str) -> list[Word]:
    """Complete the methods that can be trained."""
    trainable = (method for method in current_registry().methods if method.spec.trainer)
    return _starting_with(incomplete, _described(trainable))


def complete_learned_methods(incomplete: str) -> list[Word]:
    """Complete the methods that have trained weights."""
    learned = (method for method in current_registry().methods if method.spec.weights)
    return _starting_with(incomplete, _described(learned))


def complete_initializers(incomplete: str) -> list[Word]:
    """Complete the words and methods that give an initial transform."""
    words = [(word, "") for word in INITIALIZERS]
    return _starting_with(incomplete, [*words, *_described(current_registry().methods)])


def complete_datasets(incomplete: str) -> list[Word]:
    """Complete the datasets that plugins offer; the shell completes folders."""
    return _starting_with(incomplete, _described(current_registry().datasets))


def complete_frames(incomplete: str) -> list[Word]:
    """Complete the standard frames that plugins offer."""
    return _starting_with(incomplete, _described(current_registry().frames))


def complete_names(incomplete: str) -> list[Word]:
    """Complete the methods, scores, datasets and frames that plugins offer."""
    registry = current_registry()
    offered = (registry.methods, registry.metrics, registry.datasets, registry.frames)
    return _starting_with(incomplete, (word for specs in offered for word in _described(specs)))


def complete_log_levels(incomplete: str) -> list[Word]:
    """Complete the levels of the log."""
    return _starting_with(incomplete, ((level, "") for level in LOG_LEVELS))


def _described(specs: Iterable[RegisteredSpec[Any]]) -> Iterator[Word]:
    return ((registered.spec.name, registered.spec.summary) for registered in specs)


def _starting_with(incomplete: str, words: Iterable[Word]) -> list[Word]:
    """Return the words that begin so, each once."""
    return [item for item in dict(words).items() if item[0].startswith(incomplete)]
