import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossmodal_hash.codes import binarize, distances, pack, unpack

BITS = (1, 7, 8, 9, 64, 65)


def codes(bits, rows):
    return arrays(np.float32, (rows, bits), elements=st.floats(-2, 2, width=32))


@pytest.mark.parametrize("bits", BITS)
@given(data=st.data())
def test_unpack_undoes_pack(bits, data):
    x = data.draw(codes(bits, 3))
    packed = pack(x)
    assert packed.shape == (3, -(-bits // 8))
    assert (unpack(packed, bits) == binarize(x)).all()
    assert (pack(binarize(x)) == packed).all()


@pytest.mark.parametrize("bits", BITS)
@given(data=st.data())
def test_hamming_distance_is_half_of_bits_minus_inner_product(bits, data):
    a, b = data.draw(codes(bits, 3)), data.draw(codes(bits, 2))
    inner = binarize(a).astype(int) @ binarize(b).astype(int).T
    assert (distances(pack(a), pack(b), bits) * 2 == bits - inner).all()


@given(data=st.data(), bits=st.integers(2, 40))
def test_a_prefix_of_a_code_is_a_prefix_of_its_bytes(data, bits):
    x = data.draw(codes(bits, 2))
    shorter = data.draw(st.integers(1, bits))
    prefix = pack(x[:, :shorter])
    whole = pack(x)[:, : prefix.shape[1]].copy()
    if shorter % 8:
        whole[:, -1] &= (1 << shorter % 8) - 1
    assert (prefix == whole).all()


@given(bits=st.integers(1, 40))
def test_the_padding_never_counts(bits):
    ones, minus = np.ones((1, bits)), -np.ones((1, bits))
    assert int(np.bitwise_count(pack(ones)).sum()) == bits
    assert distances(pack(ones), pack(minus), bits)[0, 0] == bits
