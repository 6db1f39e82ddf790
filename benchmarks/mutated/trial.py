"""One mutated input, and what came of it."""

import signal
from argparse import ArgumentError
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

COUNTS = ("tried", "accepted", "refused", "tracebacks", "silently_changed", "sound_refused")
"""What is counted of the inputs of one kind."""

LIMIT, WAIT = 60, 600
"""Seconds of the processor that one input may take, and seconds in which it must have ended, on a busy machine too."""


class Nothing:
    """The meaning of an input that must be refused."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING = Nothing()


@dataclass(frozen=True)
class OtherThan:
    """The meaning of an input that must not be taken for the original."""

    original: Any


@dataclass(frozen=True)
class Trial:
    """A mutated input.

    Attributes:
        how: What was done to the original.
        content: The input: text, bytes or a path.
        meaning: What it means, for whoever accepts it: a value, `NOTHING` or `OtherThan` a value. An input that means
            something may still be refused, but not one that is `sound`.
        sound: Whether it is the original, or written as many people write it.
    """

    how: str
    content: Any
    meaning: Any
    sound: bool = False


def outcome(read: Callable[[Any], Any], trial: Trial) -> tuple[str, str]:
    """Try one input.

    Args:
        read: What a user calls; returns the value that was understood.
        trial: The input.

    Returns:
        `accepted`, `refused`, `traceback`, `changed` or `sound_refused`, and what was said or understood.
    """

    def too_long(*_: Any) -> None:
        raise TimeoutError(f"it took more than {LIMIT} s of the processor, or {WAIT} s")

    clocks = {signal.SIGPROF: (signal.ITIMER_PROF, LIMIT), signal.SIGALRM: (signal.ITIMER_REAL, WAIT)}
    before = {number: signal.signal(number, too_long) for number in clocks}
    for clock, seconds in clocks.values():
        signal.setitimer(clock, seconds)
    try:
        found = read(trial.content)
    except TimeoutError as error:
        return "traceback", repr(error)
    except (ValueError, OSError, ArgumentError) as error:  # what the command line answers in a sentence
        return "sound_refused" if trial.sound else "refused", f"{type(error).__name__}: {error}"
    except BaseException as error:  # it is what we look for
        return "traceback", repr(error)
    finally:
        for number, (clock, _) in clocks.items():
            signal.setitimer(clock, 0)
            signal.signal(number, before[number])
    if trial.meaning is NOTHING:
        return "changed", f"should be refused, is taken for {found!r}"
    if isinstance(trial.meaning, OtherThan):
        return ("changed" if same(found, trial.meaning.original) else "accepted"), repr(found)
    return ("accepted" if same(found, trial.meaning) else "changed"), f"{found!r} instead of {trial.meaning!r}"


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal but for rounding."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    first, second = np.asarray(one), np.asarray(other)
    return first.shape == second.shape and bool(np.allclose(first, second, rtol=1e-5, atol=1e-3))


def try_all(read: Callable[[Any], Any], trials: Iterable[Trial]) -> dict[str, Any]:
    """Try all inputs of one kind, and count.

    Args:
        read: See `outcome`.
        trials: The inputs.

    Returns:
        The counts of `COUNTS`, by kind of mutation as well, and the faults.
    """
    counts: Counter[str] = Counter()
    by_mutation: dict[str, Counter[str]] = {}
    faults = []
    for trial in trials:
        found, said = outcome(read, trial)
        counts[found] += 1
        by_mutation.setdefault(trial.how, Counter())[found] += 1
        if found in ("traceback", "changed", "sound_refused"):
            faults.append({"mutation": trial.how, "input": repr(trial.content)[:300], "outcome": said[:300]})
    return {
        "tried": counts.total(),
        "accepted": counts["accepted"],
        "refused": counts["refused"],
        "tracebacks": counts["traceback"],
        "silently_changed": counts["changed"],
        "sound_refused": counts["sound_refused"],
        "mutations": {how: dict(found) for how, found in sorted(by_mutation.items())},
        "faults": faults,
    }
