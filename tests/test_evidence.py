"""The evidence of items: taken, set side by side and counted; and what of it reaches a criterion."""

import pytest
import torch

from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import ContractError, ShapeError
from crossmodal_hash.evidence import between, count, take

ALL = {
    "labels": torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=torch.uint8),
    "features": {"image": torch.arange(12.0).reshape(4, 3), "text": torch.arange(8.0).reshape(4, 2)},
    "pairs": torch.tensor([[7], [7], [9], [4]]),
}


class Given(Criterion):
    """Keeps what it is given."""

    def compute(self, a, b):
        self.seen = (a, b)
        first, second = (x if isinstance(x, torch.Tensor) else x["image"] for x in (a, b))
        return torch.zeros(len(first), len(second))


def of_kind(kind):
    return type("Given", (Given,), {"sees": kind})()


def tensors(seen):
    return [seen] if isinstance(seen, torch.Tensor) else list(seen.values())


def test_the_rows_that_are_taken_are_those_of_every_kind():
    rows = [2, 0, 2]
    taken = take(ALL, torch.tensor(rows))
    assert set(taken) == set(ALL)
    for kind, seen in ALL.items():
        for x, y in zip(tensors(seen), tensors(taken[kind]), strict=True):
            assert y.tolist() == [x.tolist()[row] for row in rows]
            assert y.dtype == x.dtype
    assert list(taken["features"]) == ["image", "text"]


def test_two_blocks_stand_side_by_side_in_the_kinds_that_both_have():
    some = {kind: ALL[kind] for kind in ("pairs", "labels")}
    both = between(ALL, some)
    assert set(both) == {"labels", "pairs"}
    assert both["labels"][0] is ALL["labels"]
    assert both["labels"][1] is some["labels"]
    assert between(ALL, {}) == {}


@pytest.mark.parametrize("kind", ALL)
def test_items_are_counted_in_any_kind(kind):
    assert count({kind: ALL[kind]}) == 4
    assert count(take({kind: ALL[kind]}, torch.tensor([1]))) == 1


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_labels_reach_a_criterion_as_float(dtype):
    criterion = of_kind("labels")
    assert criterion(ALL["labels"].to(dtype), ALL["labels"][:2]).shape == (4, 2)
    for seen, rows in zip(criterion.seen, (4, 2), strict=True):
        assert seen.dtype == torch.float32
        assert seen.tolist() == ALL["labels"][:rows].tolist()


def test_group_numbers_reach_a_criterion_as_they_are_because_float_would_confuse_large_ones():
    criterion = of_kind("pairs")
    numbers = torch.tensor([[2**60], [2**60 + 1]])
    criterion(numbers, ALL["pairs"])
    assert criterion.seen[0].dtype == torch.int64
    assert torch.equal(criterion.seen[0], numbers)
    assert torch.equal(criterion.seen[1], ALL["pairs"])


def test_features_reach_a_criterion_by_modality_as_float():
    criterion = of_kind("features")
    criterion({name: x.double() for name, x in ALL["features"].items()}, take(ALL, torch.tensor([3]))["features"])
    first, second = criterion.seen
    assert {name: (x.dtype, x.tolist()) for name, x in first.items()} == {
        name: (torch.float32, x.tolist()) for name, x in ALL["features"].items()
    }
    assert {name: tuple(x.shape) for name, x in second.items()} == {"image": (1, 3), "text": (1, 2)}


IMAGE, TEXT = ALL["features"]["image"], ALL["features"]["text"]
MISFITS = {
    "labels of other classes": ("labels", ALL["labels"], torch.ones(2, 3), r"\(B, C\) and \(M, C\), not \(4, 2\) and"),
    "labels of one item as a vector": ("labels", ALL["labels"], torch.ones(2), r"not \(4, 2\) and \(2,\)"),
    "labels with an axis too many": ("labels", ALL["labels"][None], ALL["labels"][None], r"\(1, 4, 2\)"),
    "labels by modality": ("labels", {"image": ALL["labels"]}, ALL["labels"], "must be matrices, not dict and Tensor"),
    "group numbers as a vector": ("pairs", ALL["pairs"][:, 0], ALL["pairs"], r"pairs must be \(B, 1\) and \(M, 1\)"),
    "group numbers by modality": ("pairs", ALL["pairs"], {"text": ALL["pairs"]}, "not Tensor and dict"),
    "features of another width": ("features", {"image": IMAGE}, {"image": TEXT}, r"\(M, D\), not \(4, 3\)"),
    "features of another modality": ("features", {"image": IMAGE}, {"text": IMAGE}, "same modalities, by name"),
    "features of fewer modalities": ("features", ALL["features"], {"image": IMAGE}, "same modalities, by name"),
    "features of no modality": ("features", {}, {}, "same modalities, by name"),
    "features without a name": ("features", IMAGE, IMAGE, "same modalities, by name"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_blocks_that_do_not_fit_are_refused(case):
    kind, a, b, said = MISFITS[case]
    for blocks in ((a, b), (b, a)):
        criterion = of_kind(kind)
        with pytest.raises(ShapeError):
            criterion(*blocks)
        assert not hasattr(criterion, "seen")
    with pytest.raises(ShapeError, match=said):
        of_kind(kind)(a, b)


@pytest.mark.parametrize("kind", ALL)
def test_a_result_without_a_value_for_each_pair_is_a_fault_of_the_criterion(kind):
    class Vector(Criterion):
        sees = kind

        def compute(self, a, b):
            return torch.zeros(4)

    with pytest.raises(ContractError, match=r"returned \(4,\), not \(B, M\), here \(4, 4\)"):
        Vector()(ALL[kind], ALL[kind])
