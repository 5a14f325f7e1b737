"""What every criterion promises, whoever wrote it."""

import inspect

import pytest
import torch

from crossmodal_hash.components import CRITERIA
from crossmodal_hash.contracts import Criterion
from crossmodal_hash.errors import ShapeError

NAMES = list(CRITERIA.builtin)
FOR_THE_RECORD = {"mmd-batch", "mmd-inverted"}
"""Distances in the place of similarities, kept to show what they do."""

pytestmark = pytest.mark.filterwarnings("ignore:.*for the record")
every_criterion = pytest.mark.parametrize("name", NAMES)


def labels(rows=9, classes=5, seed=0):
    """Random labels: the first item has none, the last two are equal, so are two that have all."""
    x = torch.rand(rows, classes, generator=torch.Generator().manual_seed(seed)).round()
    x[0], x[1], x[2] = 0, 1, 1
    x[-1] = x[-2]
    return x


def fitted(name):
    criterion = CRITERIA.make(name)
    criterion.fit(labels(40, seed=1))
    return criterion


@every_criterion
def test_parameters_are_keyword_only_with_defaults_and_kept_under_their_names(name):
    cls = CRITERIA.resolve(name)
    criterion = cls()
    assert isinstance(criterion, Criterion)
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            assert cls.__init__ is torch.nn.Module.__init__, "parameters must be written out"
            continue
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert getattr(criterion, parameter.name) == parameter.default


@every_criterion
def test_config_and_state_rebuild_the_criterion(name):
    criterion = fitted(name)
    again = type(criterion)(**criterion.config())
    again.load_state_dict(criterion.state_dict())
    assert again.config() == criterion.config()
    assert torch.equal(again(labels(), labels(4)), criterion(labels(), labels(4)))


@every_criterion
def test_the_first_docstring_line_says_what_it_is(name):
    assert CRITERIA.find(name).summary().endswith(".")


@every_criterion
@pytest.mark.parametrize(("rows", "others"), [(1, 1), (1, 5), (7, 3)])
def test_similarity_has_a_row_for_each_item_and_a_column_for_each_other(name, rows, others):
    s = fitted(name)(labels(9)[-rows:], labels(9, seed=2)[-others:])
    assert s.shape == (rows, others)
    assert s.dtype == torch.float32


@every_criterion
def test_values_are_finite_and_in_the_declared_range(name):
    criterion = fitted(name)
    s = criterion(labels(30), labels(20, seed=2))
    low, high = criterion.value_range
    assert s.isfinite().all()
    assert low <= s.min()
    assert s.max() <= high


@every_criterion
def test_similarity_is_symmetric_if_declared(name):
    criterion = fitted(name)
    a, b = labels(9), labels(4, seed=2)
    if criterion.symmetric:
        torch.testing.assert_close(criterion(a, b), criterion(b, a).T)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in FOR_THE_RECORD])
def test_nothing_is_more_alike_than_items_with_the_same_labels(name):
    x = labels(30)
    s = fitted(name)(x, x)
    identical = (x[:, None] == x).all(2) & x.any(1)[:, None]
    best = s.amax(1, keepdim=True).expand_as(s)
    assert torch.equal(s[identical], best[identical])
    others = ~(x[:, None] == x).all(2)
    assert s[others].min() < s[identical].min()


@every_criterion
def test_the_order_of_items_does_not_matter(name):
    criterion = fitted(name)
    a, b = labels(7), labels(4, seed=2)
    rows, columns = torch.tensor([4, 0, 6, 2, 1, 5, 3]), torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(criterion(a[rows], b[columns]), criterion(a, b)[rows][:, columns])


@every_criterion
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.bfloat16, torch.float64])
def test_labels_may_have_any_type(name, dtype):
    criterion = fitted(name)
    expected = criterion(labels(), labels(4))
    assert torch.equal(criterion(labels().to(dtype), labels(4).to(dtype)), expected)
    again = CRITERIA.make(name)
    again.fit(labels(40, seed=1).to(dtype))
    torch.testing.assert_close(again(labels(), labels(4)), expected)


@every_criterion
def test_labels_are_not_changed_and_nothing_is_printed(name, capsys):
    a, b, training = labels(), labels(4), labels(40)
    criterion = CRITERIA.make(name)
    criterion.fit(training)
    criterion(a, b)
    assert torch.equal(a, labels())
    assert torch.equal(b, labels(4))
    assert torch.equal(training, labels(40))
    assert capsys.readouterr() == ("", "")


@every_criterion
@pytest.mark.parametrize(("a", "b"), [((3, 5), (3, 4)), ((5,), (3, 5)), ((3, 5), (3, 5, 1))])
def test_label_blocks_that_do_not_fit_are_refused(name, a, b):
    with pytest.raises(ShapeError, match=r"\(B, C\) and \(M, C\)"):
        fitted(name)(torch.ones(a), torch.ones(b))
