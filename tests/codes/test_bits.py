import numpy as np
import pytest

from crossmodal_hash.codes import binarize, pack, unpack
from crossmodal_hash.errors import CodesError


def test_zero_of_either_sign_is_plus_one():
    assert binarize([[0.0, -0.0, -1e-300, np.inf, -np.inf]]).tolist() == [[1, 1, -1, 1, -1]]


def test_bit_j_is_bit_j_mod_8_of_byte_j_div_8_and_the_padding_is_zero():
    for j in range(20):
        x = np.full((1, 20), -1.0)
        x[0, j] = 1.0
        packed = pack(x)
        assert packed.shape == (1, 3)
        assert packed[0, j // 8] == 1 << (j % 8)
        assert packed.sum() == packed[0, j // 8]


@pytest.mark.parametrize("function", [binarize, pack])
def test_a_nan_is_refused_with_its_place(function):
    x = np.zeros((3, 4))
    x[2, 1] = np.nan
    with pytest.raises(CodesError, match=r"row 2 .*column 1"):
        function(x)


@pytest.mark.parametrize("x", [[1.0, 2.0], np.zeros((2, 0)), np.array([["a"]]), np.array([[1j]])])
def test_what_is_not_a_real_matrix_is_refused(x):
    with pytest.raises(CodesError):
        pack(x)


def test_unpack_refuses_another_width_type_or_no_bits():
    packed = np.zeros((2, 2), np.uint8)
    for wrong, bits in ((packed, 17), (packed, 8), (packed.astype(np.int64), 16), (packed[0], 16), (packed, 0)):
        with pytest.raises(CodesError):
            unpack(wrong, bits)


def test_no_items_pack_and_unpack():
    assert unpack(pack(np.zeros((0, 9))), 9).shape == (0, 9)
