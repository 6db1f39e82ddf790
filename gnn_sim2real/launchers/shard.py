"""A part of the jobs, for machines that know nothing of each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Shard:
    """A shard of the jobs, for machines that share a folder or whose folders are merged later.

    Attributes:
        number: Number of the shard, from 1.
        count: Number of shards.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read `i/N`.

        Raises:
            ValueError: If the text is something else.
        """
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ValueError(f"`--shard` must be i/N with i from 1 to N, e.g. 2/8, got {text!r}")
        return cls(int(number), int(count))

    def of(self, jobs: Sequence[Kind]) -> list[Kind]:
        """The jobs of this shard: every `count`-th.

        Args:
            jobs: All jobs.
        """
        return list(jobs[self.number - 1 :: self.count])
