"""Medians, and ratios within a round."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and the range that they fall into."""

    middle: float
    least: float
    most: float
    rounds: int


class Rows:
    """What was measured in one workload: by row and round, a figure for each key."""

    def __init__(self, rounds: Iterable[dict]):
        """Of records with `row`, `round` and `figures`."""
        self._figures: dict[str, dict[int, dict[str, float]]] = {}
        for record in rounds:
            if "figures" in record:
                self._figures.setdefault(record["row"], {})[record["round"]] = record["figures"]

    def names(self) -> list[str]:
        return list(self._figures)

    def median(self, row: str, key: str) -> float | None:
        values = [figures[key] for figures in self._figures.get(row, {}).values() if key in figures]
        return median(values) if values else None

    def ratio(self, ours: str, theirs: str, key: str) -> Ratio | None:
        """Only rounds in which both were measured count: the machine is not the same from one round to the next."""
        mine, other = self._figures.get(ours, {}), self._figures.get(theirs, {})
        ratios = [
            mine[round][key] / other[round][key]
            for round in mine.keys() & other.keys()
            if key in mine[round] and other[round].get(key)]
        if not ratios:
            return None
        return Ratio(median(ratios), min(ratios), max(ratios), len(ratios))


@dataclass(frozen=True)
class Verdict:
    """A target, and how we stand to it."""

    text: str
    value: float | None  # None: not measured
    bound: str  # at most, at least
    limit: float
    ratio: Ratio | None = None

    @property
    def is_met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value <= self.limit if self.bound == "at most" else self.value >= self.limit
