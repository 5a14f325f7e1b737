"""The record of one evaluation: its scores, with everything needed to print or compare them, saved in a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal_hash.atomic import write_json
from crossmodal_hash.errors import DataError
from crossmodal_hash.evaluation import Score
from crossmodal_hash.metrics import Curve, Result

FORMAT = "crossmodal_hash.scores"
VERSION = 1


@dataclass(frozen=True)
class Line:
    """One metric in one direction against one database: a line of any table.

    Attributes:
        direction: such as `image->text`.
        database: as in `evaluation.Score`.
        metric: full name.
        value: value over the queries.
        low: lower end of the interval; None without one.
        high: upper end.
        random: score of codes without information; None if that is not defined.
        queries: Q.
        items: N.
        relevant_pairs: pairs of a query and a relevant item.
        empty_queries: queries without a relevant item.
        bits: K.
        ties: tie rule.
        empty: rule for empty queries.
        ranked_by: `hamming` or `inner-product`.
    """

    direction: str
    database: str
    metric: str
    value: float
    low: float | None
    high: float | None
    random: float | None
    queries: int
    items: int
    relevant_pairs: int
    empty_queries: int
    bits: int
    ties: str
    empty: str
    ranked_by: str


@dataclass(frozen=True)
class Record:
    """The scores of one run, or of any codes.

    Attributes:
        name: name in tables.
        scores: one per direction and database.
        facts: other facts, such as recipe and seed.
    """

    name: str
    scores: list[Score]
    facts: Mapping[str, str] = field(default_factory=dict)

    def lines(self, level: float | None = 0.95) -> Iterator[Line]:
        """Every number, with its interval.

        Args:
            level: share of the resamples inside the intervals; None for no intervals.
        """
        for score in self.scores:
            result = score.result
            for metric, value in result.values.items():
                interval = None if level is None else score.interval(metric, level)
                yield Line(
                    direction=score.direction,
                    database=score.database,
                    metric=metric,
                    value=value,
                    low=None if interval is None else interval.low,
                    high=None if interval is None else interval.high,
                    random=result.floors.get(metric),
                    queries=result.queries,
                    items=result.database,
                    relevant_pairs=result.relevant_pairs,
                    empty_queries=result.empty_queries,
                    bits=result.bits,
                    ties=result.ties,
                    empty=result.empty,
                    ranked_by=result.ranked_by,
                )

    def score(self, direction: str, database: str) -> Score | None:
        """The score of one direction against one database, if there is one."""
        return next((s for s in self.scores if (s.direction, s.database) == (direction, database)), None)

    def save(self, path: Path) -> None:
        """Write everything as JSON, including the values of single queries."""
        scores = [
            {"direction": s.direction, "database": s.database, "result": _result_to_json(s.result)} for s in self.scores
        ]
        content = {"format": FORMAT, "version": VERSION, "name": self.name, "facts": dict(self.facts), "scores": scores}
        write_json(path, content)


def read_record(path: Path) -> Record:
    """A record that `Record.save` wrote.

    Raises:
        DataError: if the file is missing, of another kind, or of another version.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as saved scores ({error}); write some with 'chash evaluate --save'"
        ) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"{path} holds no saved scores; write some with 'chash evaluate --save {path}'")
    if content["version"] != VERSION:
        raise DataError(f"{path} has version {content['version']}, but this program reads {VERSION}; write it again")
    try:
        scores = [Score(s["direction"], s["database"], _result_from_json(s["result"])) for s in content["scores"]]
        return Record(content["name"], scores, content["facts"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} holds saved scores with a missing or broken part ({error!r}); write it again"
        ) from None


def _result_to_json(result: Result) -> dict[str, Any]:
    content = {f.name: getattr(result, f.name) for f in fields(result)}
    # JSON has no NaN, which marks a query left out.
    content["per_query"] = {
        name: [None if np.isnan(x) else x for x in values.tolist()] for name, values in result.per_query.items()
    }
    content["curves"] = {
        name: {key: value.tolist() for key, value in dataclasses.asdict(curve).items()}
        for name, curve in result.curves.items()
    }
    return content | {"query_ids": result.query_ids.tolist()}


def _result_from_json(content: dict[str, Any]) -> Result:
    per_query = {
        name: np.array([np.nan if x is None else x for x in values], dtype=np.float64)
        for name, values in content["per_query"].items()
    }
    curves = {
        name: Curve(np.asarray(curve["at"], np.int64), np.asarray(curve["precision"]), np.asarray(curve["recall"]))
        for name, curve in content["curves"].items()
    }
    ids = np.asarray(content["query_ids"], dtype=np.str_)
    return Result(**content | {"per_query": per_query, "curves": curves, "query_ids": ids})
