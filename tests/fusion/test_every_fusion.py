"""What every fusion block keeps, with other parameters than the defaults; those are tried in tests/contract."""

import pytest

from crossmodal_hash.testing import assert_conforms


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("bbi", {"rank": 7, "share": "levels", "norm": "signed-sqrt-l2"}),
        ("bbi", {"rank": 7, "norm": "none"}),
        ("attention-matrix", {"outer": "none"}),
        ("cbam", {"outer": "none"}),
        ("cbam", {"combine": "concat"}),
    ],
)
def test_a_block_keeps_the_rules_whatever_its_parameters(name, params):
    assert_conforms("fusion", name, **params)
