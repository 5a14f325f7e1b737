"""The parts of a server by themselves."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crossmodal_hash.codes import Codes
from crossmodal_hash.engines.in_memory import InMemory
from crossmodal_hash.serving.batcher import Batcher
from crossmodal_hash.serving.hosts import Hosts
from crossmodal_hash.serving.one_at_a_time import OneAtATime
from crossmodal_hash.serving.rate import Rate
from crossmodal_hash.serving.request_error import RequestError


def test_what_waits_is_answered_together_and_in_order():
    started, go, batches = threading.Event(), threading.Event(), []

    def answer(batch):
        started.set()
        go.wait(10)
        batches.append(list(batch))
        return [10 * x for x in batch]

    with Batcher(answer, most=4, waiting=100) as batcher:
        futures = [batcher.submit(0)]
        started.wait(10)
        futures += [batcher.submit(x) for x in range(1, 8)]
        assert batcher.waiting() == 7
        go.set()
        assert [future.result(10) for future in futures] == [10 * x for x in range(8)]
    assert batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_one_that_fails_does_not_take_the_others_with_it():
    go = threading.Event()

    def answer(batch):
        go.wait(10)
        if "bad" in batch:
            raise ValueError("bad")
        return batch

    with Batcher(answer, most=8, waiting=100) as batcher:
        futures = {x: batcher.submit(x) for x in ("first", "a", "bad", "b")}
        go.set()
        assert [futures[x].result(10) for x in ("first", "a", "b")] == ["first", "a", "b"]
        with pytest.raises(ValueError, match="bad"):
            futures["bad"].result(10)


def test_more_than_may_wait_are_refused_and_the_end_answers_what_waits():
    go, started = threading.Event(), threading.Event()

    def answer(batch):
        started.set()
        go.wait(10)
        return batch

    batcher = Batcher(answer, most=1, waiting=2)
    futures = [batcher.submit(0)]
    started.wait(10)
    futures += [batcher.submit(1), batcher.submit(2)]
    with pytest.raises(RequestError, match="too many"):
        batcher.submit(3)
    go.set()
    batcher.close()
    assert [future.result(0) for future in futures] == [0, 1, 2]


def test_rates_are_of_each_client_and_few_are_remembered():
    now = [0.0]
    rate = Rate(1, 2, 3, clock=lambda: now[0])
    assert [rate.allows("10.0.0.1") for _ in range(3)] == [True, True, False]
    # Addresses of one network of version 6 are one client.
    assert [rate.allows(f"2001:db8::{i}") for i in range(3)] == [True, True, False]
    assert rate.allows("2001:db8:0:1::1")
    now[0] = 1.5
    assert [rate.allows("10.0.0.1") for _ in range(2)] == [True, False]
    for i in range(9):
        rate.allows(f"10.0.1.{i}")
    assert len(rate._left) == 3


@pytest.mark.parametrize(
    ("bound", "host", "answered"),
    [
        ("127.0.0.1", "LOCALHOST:8000", True),
        ("127.0.0.1", "127.8.9.1", True),
        ("127.0.0.1", "[::1]:8000", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "localhost:80:80", False),
        ("127.0.0.1", "0x7f.1", False),
        ("::1", "[::1]", True),
        ("0.0.0.0", "10.0.0.1:8000", True),
        ("0.0.0.0", "evil.example", False),
        ("search.example", "search.example:8000", True),
        ("search.example", "evil.example", False),
    ],
)
def test_names_that_a_server_answers_to(bound, host, answered):
    assert Hosts(bound).answers(host) is answered


def test_an_index_is_asked_by_one_thread_at_a_time():
    inside, most = [], []

    class Slow(InMemory):
        def search(self, queries, k):
            return self.slowly(lambda: super(Slow, self).search(queries, k))

        def codes_of(self, item):
            return self.slowly(lambda: super(Slow, self).codes_of(item))

        def slowly(self, answer):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()
            return answer()

    codes = Codes(np.array([[1], [255]], dtype=np.uint8), 8, ["cat", "dog"], "image")
    index = OneAtATime(Slow(codes))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: index.search(codes.packed[:1], 1)[0].ids.tolist(), range(20)))
        found += list(pool.map(lambda _: index.codes_of("dog").tolist(), range(20)))
    assert found == [["cat"]] * 20 + [[[255]]] * 20
    assert set(most) == {1}
