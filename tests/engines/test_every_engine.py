"""All engines that can be tried here answer the same questions in the same way."""

import numpy as np
import pytest

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.components import ENGINES
from crossmodal_hash.engines.compare import compare_with
from crossmodal_hash.engines.engine import Content
from crossmodal_hash.engines.in_memory import InMemory

BITS, K = 20, 10
IDS = [f"item {i // 2 if i < 200 else i}" for i in range(2_000)]  # a hundred of them have two codes


def draw(n, seed):
    return pack(np.random.default_rng(seed).standard_normal((n, BITS)))


@pytest.mark.parametrize("name", list(ENGINES))
def test_a_hundred_questions_have_one_answer(name, tmp_path, request):
    engine = ENGINES.resolve(name)
    where = engine.example(tmp_path)
    if where is None and name == "pgvector":
        where = request.getfixturevalue("postgres").address("every")
    if where is None:
        pytest.skip(f"{name} needs a server, or a package that is not installed")
    codes = Codes(draw(2_000, 0), BITS, IDS, "image")
    with engine().create(where, Content(BITS, "image", None, {"name": name})) as index:
        index.add(IDS[:1_500], codes.packed[:1_500])
        index.add(IDS[1_500:], codes.packed[1_500:])
        queries = draw(100, 1)
        for got, truth in zip(index.search(queries, K), InMemory(codes).search(queries, K), strict=True):
            assert got.distances.tolist() == truth.distances.tolist()
            assert named(got, truth.distances[-1]) == named(truth, truth.distances[-1])
            if index.exact:
                assert got.ids.tolist() == truth.ids.tolist(), "ties are not in the order of addition"
        assert not compare_with(index, codes).broken()


def named(hits, limit):
    """The items that are nearer than the last one; which of those at its distance are found is open."""
    nearer = hits.distances < limit
    return {*zip(hits.ids[nearer].tolist(), hits.numbers[nearer].tolist(), strict=True)}
