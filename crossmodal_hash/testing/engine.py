"""The rules of every engine, tried in a temporary folder; one that needs a server is tried by its own tests alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from crossmodal_hash.codes.record import Codes
from crossmodal_hash.engines.compare import compare_with
from crossmodal_hash.engines.engine import Content, Engine, Hits, Packed
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.errors import CodesError
from crossmodal_hash.testing.common import NotKeptError, Rule, Subject, expect

BITS, COUNT = 20, 300


def draw(seed: int, count: int = COUNT) -> Packed:
    """Codes of 20 bits, so that the last byte has padding."""
    codes = np.random.default_rng(seed).integers(0, 256, (count, 3), dtype=np.uint8)
    codes[:, 2] &= 15
    return codes


def content_of(subject: Subject) -> Content:
    """What the codes of this trial are."""
    return Content(BITS, "image", "abc", {"name": "example", **subject.params})


def in_a_folder(rule: Callable[[Subject, str], str]) -> Rule:
    """A rule that is tried at a new address; where there can be none without a server, it is not tried."""

    @wraps(rule)
    def tried(subject: Subject) -> str:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            where = subject.cls.example(Path(folder))
            return "not tried: it needs a server" if where is None else rule(subject, where)

    return tried


@in_a_folder
def keeping(subject: Subject, where: str) -> str:
    """An index that was closed and opened again has its content and its codes."""
    made = subject.make().create(where, content_of(subject))
    made.add([f"item {i}" for i in range(COUNT)], draw(0))
    made.close()
    again = subject.make().open(where)
    expect(again.content == content_of(subject), f"the content became {again.content}")
    expect(len(again) == COUNT, f"{COUNT} codes became {len(again)}")
    expect(np.array_equal(again.codes_of("item 7"), draw(0)[7:8]), "codes_of gives other codes than were added")
    expect(not len(again.codes_of("nobody")), "codes_of gives codes for an id that is not there")
    again.close()
    return f"{COUNT} codes"


@in_a_folder
def changing(subject: Subject, where: str) -> str:
    """After additions, repeated ids, replacements and removals it finds what a scan finds."""
    made = subject.make().create(where, content_of(subject))
    first, second = [f"item {i}" for i in range(200)], [f"item {i // 2}" for i in range(300, 500)]
    made.add(first, draw(1, 200))
    made.add(second, draw(2, 200))
    made.add(first[:50], draw(3, 50))
    made.add(first[:50], draw(3, 50))
    gone = made.remove([*first[100:120], *second[:2], "nobody"])
    kept = np.r_[np.arange(50, 100), np.arange(120, 150)]
    ids = [*(first[i] for i in kept), *second[2:], *first[:50]]
    codes = np.concatenate([draw(1, 200)[kept], draw(2, 200)[2:], draw(3, 50)])
    expected = Codes(codes, BITS, ids, "image")  # type: ignore[arg-type]  # any sequence of names
    expect(gone == 22, f"remove gave {gone}, but 22 codes were there")
    seen = compare_with(made, expected, sample=100)
    expect(not seen.broken(), seen.broken())
    if made.exact:
        _expect_exact(made, expected)
    made.close()
    return f"recall {seen.recall:.3f} at 10"


@in_a_folder
def searching(subject: Subject, where: str) -> str:
    """Hits have true distances, ascending, and their codes; a radius finds nothing further away."""
    made = subject.make().create(where, content_of(subject))
    expect([len(hits.ids) for hits in made.search(draw(5, 2), 3)] == [0, 0], "an empty index finds something")
    made.add([f"item {i}" for i in range(COUNT)], draw(0))
    for hits in (*made.search(draw(5, 4), 2 * COUNT), *made.within(draw(5, 4), 6)):
        _expect_hits(hits)
    beyond = max((int(hits.distances.max(initial=0)) for hits in made.within(draw(5, 4), 6)), default=0)
    expect(beyond <= 6, f"a radius of 6 finds an item {beyond} bits away")
    made.close()
    return f"{COUNT} codes"


@in_a_folder
def refusing(subject: Subject, where: str) -> str:
    """An address that is taken, and one where nothing is, raise a CodesError; so do codes of another length."""
    _refuses(lambda: subject.make().open(where), "opening what is not there")
    made = subject.make().create(where, content_of(subject))
    _refuses(lambda: made.add(["a"], np.zeros((1, 2), np.uint8)), "a code that is too short")
    _refuses(lambda: made.add(["a", "b"], draw(0, 1)), "two ids with one code")
    made.add(["a"], draw(0, 1))
    made.close()
    _refuses(lambda: subject.make().create(where, content_of(subject)), "creating what is there")
    return "refused"


def _refuses(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except CodesError:
        return
    except Exception as error:
        raise NotKeptError(f"{what} raised {type(error).__name__} ({error}); raise a CodesError") from error
    raise NotKeptError(f"{what} was accepted; raise a CodesError")


def _expect_hits(hits: Hits) -> None:
    shapes = [np.shape(part) for part in hits]
    n = len(hits.ids)
    expect(shapes == [(n,), (n,), (n,), (n, 3)], f"hits have the shapes {shapes}; see Hits")
    expect(bool((np.diff(hits.distances) >= 0).all()), "distances do not ascend")
    expect(len({*hits.ids.tolist()}) == n, "an id with one code is found twice")


def _expect_exact(made: Engine, expected: Codes) -> None:
    queries = draw(6, 5)
    for got, truth in zip(made.search(queries, 30), InMemory(expected).search(queries, 30), strict=True):
        same = _listed(got) == _listed(truth)
        expect(same, "exact is True, but items, or the order of those at one distance, are not those of a scan")


def _listed(hits: Hits) -> Sequence[tuple[str, int, int]]:
    return list(zip(hits.ids.tolist(), hits.numbers.tolist(), hits.distances.tolist(), strict=True))


RULES: tuple[Rule, ...] = (keeping, changing, searching, refusing)
