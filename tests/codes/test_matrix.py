import numpy as np
import pytest

from crossmodal_hash.codes import codes_from_matrix, pack
from crossmodal_hash.errors import CodesError


@pytest.mark.parametrize("dtype", [np.int8, np.float64, np.int64])
def test_both_pairs_of_values_are_recognized(dtype):
    signs = np.array([[1, -1, 1], [-1, -1, 1]], dtype)
    assert (codes_from_matrix(signs) == pack(signs)).all()
    assert (codes_from_matrix((signs > 0).astype(dtype)) == pack(signs)).all()
    assert (codes_from_matrix(signs > 0) == pack(signs)).all()


@pytest.mark.parametrize(("value", "byte"), [(1, 7), (0, 0), (-1, 0)])
def test_a_constant_matrix_of_a_code_value_is_taken(value, byte):
    assert codes_from_matrix(np.full((2, 3), value)).tolist() == [[byte], [byte]]


def test_packed_bytes_need_their_number_of_bits():
    packed = np.array([[5, 1], [255, 0]], np.uint8)
    assert (codes_from_matrix(packed, bits=9) == packed).all()
    with pytest.raises(CodesError, match="number of bits"):
        codes_from_matrix(packed)
    with pytest.raises(CodesError, match="3 columns"):
        codes_from_matrix(packed, bits=24)
    for bits, row in ((9, [0, 128]), (7, [128]), (20, [0, 0, 16]), (20, [0, 0, 128])):
        with pytest.raises(CodesError, match="padding"):
            codes_from_matrix(np.array([row], np.uint8), bits=bits)
    full = np.array([[255, 255, 15]], np.uint8)
    assert (codes_from_matrix(full, bits=20) == full).all()


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[1.0, 0.5]], "row 0, column 1 holds 0.5"),
        ([[1.0, np.nan]], "column 1 holds nan"),
        ([[1, 0, -1]], r"sign\(0\)"),
        ([[2, 2]], "holds 2"),
        ([1, 0], "not int64 of shape"),
        ([["a", "b"]], "matrix of numbers"),
    ],
)
def test_other_values_are_never_guessed(matrix, message):
    with pytest.raises(CodesError, match=message):
        codes_from_matrix(np.array(matrix))


def test_a_transposed_matrix_is_suspected():
    with pytest.raises(CodesError, match="transposed"):
        codes_from_matrix(np.ones((16, 5)), rows=5)
    with pytest.raises(CodesError, match="does not match the 6 items"):
        codes_from_matrix(np.ones((16, 5)), rows=6)
