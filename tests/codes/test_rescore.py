import numpy as np
import pytest

from crossmodal_hash.codes import pack, rescore
from crossmodal_hash.errors import ShapeError

BITS = 13


@pytest.fixture
def real():
    generator = np.random.default_rng(0)
    return generator.normal(size=(5, BITS)), generator.normal(size=(60, BITS))


def test_a_code_is_ranked_by_how_sure_the_query_is_of_the_bits_it_shares(real):
    (u, *_), v = real
    items = pack(v)
    found = rescore(u, items, BITS)

    def agreement(row):
        return sum(x if x * y > 0 else -x for x, y in zip(np.abs(u), u * np.sign(v[row]), strict=True))

    assert found.tolist() == sorted(range(60), key=lambda row: -agreement(row))


def test_a_query_of_another_length_is_refused(real):
    with pytest.raises(ShapeError, match="has 13 values"):
        rescore(np.ones(12), pack(real[1]), BITS)
