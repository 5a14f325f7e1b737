"""The tensor code of counting, on torch's CPU device against numpy; nobody needs a GPU to see that it counts right."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from fake_gpu import fakes_a_gpu
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

from crossmodal_hash.codes import Codes, pack
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics import Labels, Pairs, count, evaluate, on_device, same_id


def assert_same(found, expected):
    for field in fields(expected):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        assert (a is None) == (b is None)
        assert a is None or (a == b).all(), field.name


def both(*arguments, **options):
    """The counts of the tensor code, after a check that they are numpy's to the last bit."""
    found = count(*arguments, engine="torch", **options)
    assert_same(found, count(*arguments, engine="numpy", **options))
    return found


@st.composite
def cases(draw):
    bits = draw(st.one_of(st.integers(1, 70), st.sampled_from([127, 128, 255, 256, 1024])))
    q, n, classes = draw(st.integers(1, 9)), draw(st.integers(1, 40)), draw(st.sampled_from([1, 8, 21, 64, 65, 130]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    few = draw(st.booleans())  # few different codes: many ties
    pool = rng.normal(size=(3 if few else q + n, bits))
    codes = pack(pool[rng.integers(len(pool), size=q + n)])
    labels = rng.random((q + n, classes)) < draw(st.sampled_from([0.0, 1.5 / classes, 0.9]))
    left_out = rng.random((q, n)) < draw(st.sampled_from([0.0, 0.2]))
    return codes[:q], codes[q:], bits, labels[:q], labels[q:], Pairs(*np.nonzero(left_out), q, n)


@given(cases(), st.booleans(), st.sampled_from([1, 30, 10**6]))
@settings(deadline=None, max_examples=30)
def test_tensors_count_what_numpy_counts_in_blocks_of_any_size(case, gains, small):
    queries, database, bits, q_labels, labels, left_out = case
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PAIRS", "NUMBERS", "CELLS"):
            patch.setattr(on_device, name, small * (bits if name != "PAIRS" else 1))
        patch.setattr("crossmodal_hash.metrics.counts.BLOCK_ITEMS", 17)
        both(queries, database, bits, Labels(q_labels, labels), gains=gains, leave_out=left_out)
        judged = Pairs(left_out.query, left_out.item, len(queries), len(database), left_out.item % 3)
        both(queries, database, bits, judged, gains=gains, leave_out=left_out)


def test_the_longest_codes_and_300_shared_labels_are_counted_exactly():
    codes = np.random.default_rng(0).integers(0, 256, (7, 4096), dtype=np.uint8)
    codes[3] = ~codes[0]
    codes[:, -1] &= 127
    asked = codes[:2], codes, 32_767, Labels(np.ones((2, 300)), np.ones((7, 300)))
    found = both(*asked, gains=True)
    assert found.items[0, 32_767] == 1
    assert found.shared.sum() == 2 * 7 * 300
    assert both(*asked).relevant.sum() == 2 * 7


class Odd:
    """Relevance of somebody else: item numbers of the query's parity, at grades that need more than a byte."""

    queries, items, max_grade, group = 5, 11, 700, np.array([0, 1, 0, 1, 0])

    def flags(self, start, stop):
        return lambda query: ((np.arange(start, stop) + query) % 2).astype(np.uint8)

    def grades(self, start, stop):
        return lambda query: ((np.arange(start, stop) + query) % 2 * 700).astype(np.uint16)

    def of_pairs(self, pairs):
        return (pairs.query + pairs.item) % 2 * 700


@pytest.mark.parametrize("gains", [False, True])
def test_relevance_that_knows_nothing_of_tensors_is_asked_row_by_row(gains):
    codes = np.random.default_rng(0).integers(0, 256, (16, 2), dtype=np.uint8)
    both(codes[:5], codes[5:], 16, Odd(), gains=gains, leave_out=Pairs(np.array([1]), np.array([2]), 5, 11))


def test_autocast_and_a_low_matmul_precision_change_nothing():
    codes = np.random.default_rng(0).integers(0, 256, (600, 128), dtype=np.uint8)
    labels = np.ones((600, 300))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            both(codes[:9], codes, 1024, Labels(labels[:9], labels), gains=True)
    finally:
        torch.set_float32_matmul_precision(before)


@fakes_a_gpu
@pytest.mark.parametrize("graded", [False, True])
def test_no_tensor_stays_behind_on_the_cpu(graded):
    with FakeTensorMode(allow_non_fake_inputs=False):
        packed, labels = (torch.zeros(7, width, dtype=torch.uint8, device="cuda") for width in (8, 3))
        distance = on_device.distances(on_device.signs(packed[:2]), on_device.signs(packed))
        grade = on_device.shared(on_device.ones(labels[:2]), on_device.ones(labels), graded=graded)
        for tensor in (distance, grade, on_device.keys(distance, grade, 65, 4)):
            assert (tensor.device.type, tensor.dtype, tuple(tensor.shape)) == ("cuda", torch.int32, (2, 7))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_counts_what_numpy_counts():
    rng = np.random.default_rng(0)
    codes, labels = pack(rng.normal(size=(20_000, 64))), rng.random((20_000, 81)) < 0.05
    asked = codes[:100], codes, 64, Labels(labels[:100], labels)
    assert_same(count(*asked, gains=True, device="cuda"), count(*asked, gains=True, engine="numpy"))


def test_engines_and_devices_that_are_not_there_or_do_not_fit_are_refused(monkeypatch):
    codes, same = np.zeros((2, 1), np.uint8), same_id(np.array(["a", "b"]), np.array(["a", "b"]))
    with pytest.raises(SettingsError, match=r"unknown engine 'nmpy' \(did you mean 'numpy'"):
        count(codes, codes, 8, same, engine="nmpy")
    with pytest.raises(SettingsError, match="unknown device 'gpu'"):
        count(codes, codes, 8, same, device="gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(SettingsError, match="not available: 0 CUDA devices"):
        count(codes, codes, 8, same, device="cuda")
    monkeypatch.setattr("crossmodal_hash.device.pick_device", lambda name: torch.device("cuda"))
    with pytest.raises(SettingsError, match="numpy counts only on the CPU"):
        count(codes, codes, 8, same, engine="numpy", device="cuda")


def test_torch_counts_where_it_is_asked_to_and_nowhere_else(monkeypatch):
    used, block = [], on_device.DeviceBlock
    monkeypatch.setattr(
        on_device, "DeviceBlock", lambda *given, device: used.append(device.type) or block(*given, device=device)
    )
    codes, same = np.zeros((2, 1), np.uint8), same_id(np.array(["a", "b"]), np.array(["a", "b"]))
    for engine, expected in ((None, []), ("numpy", []), ("torch", ["cpu"])):
        count(codes, codes, 8, same, engine=engine)
        assert used == expected


def test_evaluate_counts_where_it_is_told_to(monkeypatch):
    used, block = [], on_device.DeviceBlock

    def on_the_cpu_instead(*given, device):
        used.append(device.type)
        return block(*given, device=torch.device("cpu"))

    monkeypatch.setattr("crossmodal_hash.device.pick_device", torch.device)
    monkeypatch.setattr(on_device, "DeviceBlock", on_the_cpu_instead)
    labels = np.eye(3)[np.arange(12) % 3]
    codes = Codes(pack(np.random.default_rng(0).normal(size=(12, 8))), 8, np.arange(12), "image", labels)
    found = evaluate(codes, codes, ["map@all", "ndcg@3"], device="cuda")
    assert used == ["cuda"]
    assert found.values == evaluate(codes, codes, ["map@all", "ndcg@3"]).values
