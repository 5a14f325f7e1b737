import numpy as np
import pytest

from crossmodal_hash.codes import distances, hamming, pack
from crossmodal_hash.errors import CodesError


@pytest.mark.parametrize("bits", [1, 9, 64, 65, 256, 1024])
def test_distance_is_half_of_bits_minus_inner_product(bits):
    rng = np.random.default_rng(bits)
    a, b = (np.where(rng.random((n, bits)) < 0.5, 1, -1) for n in (11, 7))
    a[0] = -b[0]  # the largest distance, K
    found = distances(pack(a), pack(b), bits)
    assert (found == (bits - a @ b.T) // 2).all()
    assert found[0, 0] == bits


def test_tiles_join_without_a_seam(monkeypatch):
    rng = np.random.default_rng(0)
    a, b = pack(rng.normal(size=(9, 70))), pack(rng.normal(size=(23, 70)))
    whole = distances(a, b, 70)
    monkeypatch.setattr(hamming, "TILE", 5)
    assert (distances(a, b, 70) == whole).all()


def test_words_are_zero_padded_and_a_view_where_bytes_fill_them():
    packed = np.arange(32, dtype=np.uint8).reshape(2, 16)
    assert np.shares_memory(hamming.to_words(packed), packed)
    assert hamming.to_words(packed[:, :3]).tobytes() == bytes([0, 1, 2, 0, 0, 0, 0, 0, 16, 17, 18, 0, 0, 0, 0, 0])


def test_codes_of_another_length_are_refused():
    with pytest.raises(CodesError, match="64 bits"):
        distances(np.zeros((1, 8), np.uint8), np.zeros((1, 4), np.uint8), 64)
