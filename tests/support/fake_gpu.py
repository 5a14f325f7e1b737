"""Tensors that say they lie on a GPU: which torch can have them where there is none."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode


def _can_be_faked():
    try:
        with FakeTensorMode(allow_non_fake_inputs=False):
            torch.zeros(1, device="cuda")[None]
    except RuntimeError:
        return False
    return True


fakes_a_gpu = pytest.mark.skipif(not _can_be_faked(), reason="this torch asks for a driver even for a fake tensor")
