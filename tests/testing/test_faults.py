"""Wrong plug-ins, and the sentence the kit says to each."""

import sys

import pytest
import torch
from torch import nn

from crossmodal_hash.contracts import Backbone, Criterion, Fusion, HashLoss
from crossmodal_hash.data import Dataset, Match, Reader, Texts
from crossmodal_hash.testing import assert_conforms, check
from crossmodal_hash.types import LevelInfo


class Distance(Criterion):
    """Labels two items differ in, scaled: small for items that are alike."""

    def compute(self, a, b):
        return torch.cdist(a, b, p=1) / a.shape[1]


class Undefined(Criterion):
    """Jaccard index that divides by the union, which is empty for items without labels."""

    def compute(self, a, b):
        shared = a @ b.T
        return shared / (a.sum(1)[:, None] + b.sum(1) - shared)


class OneSided(Criterion):
    """Share of the first item's labels that the second has, said to be symmetric."""

    def compute(self, a, b):
        return (a @ b.T) / a.sum(1, keepdim=True).clamp(min=1)


class Forgetful(Criterion):
    """Cosine weighted by the rarity of labels, which is kept in a plain attribute."""

    def __init__(self):
        super().__init__()
        self.rarity = None

    def fit(self, labels):
        self.rarity = 1 / (1 + labels.float().sum(0))

    def compute(self, a, b):
        rarity = self.rarity if self.rarity is not None else torch.ones(a.shape[1])
        return nn.functional.normalize(a * rarity) @ nn.functional.normalize(b * rarity).T


class Rarity(Criterion):
    """Cosine weighted by the rarity of labels, in a buffer that is empty until they are seen."""

    def __init__(self):
        super().__init__()
        self.register_buffer("rarity", torch.empty(0))

    def fit(self, labels):
        self.rarity = 1 / (1 + labels.float().sum(0))

    def compute(self, a, b):
        return nn.functional.normalize(a * self.rarity) @ nn.functional.normalize(b * self.rarity).T


class Lopsided(Criterion):
    """Compares the pictures of one item with the texts of the other, said to be symmetric."""

    sees = "features"

    def compute(self, a, b):
        return torch.exp(-(a["image"].square().sum(1)[:, None] - b["text"].square().sum(1)[None]).abs())


class ByPlace(Criterion):
    """Counts items as similar that are in the same row."""

    sees = "features"

    def compute(self, a, b):
        x, y = a["image"], b["image"]
        return torch.eye(len(x), len(y), device=x.device)


class InPlace(Criterion):
    """Cosine of pictures, which are centered in the tensor that was given."""

    sees = "features"

    def compute(self, a, b):
        x, y = (seen["image"].sub_(0.01) for seen in (a, b))
        return (nn.functional.normalize(x) @ nn.functional.normalize(y).T + 1) / 2


class Numbers(Criterion):
    """Nearness of group numbers, as if they were places."""

    sees = "pairs"

    def compute(self, a, b):
        return 1 - (a - b.T).abs() / 10


class Blind(HashLoss):
    """Squared error on codes after the sign, through which no gradient comes."""

    def compute(self, u, v, s):
        return ((u.sign() @ v.sign().T / u.shape[1] + 1) / 2 - s).square().mean()


class OneTower(HashLoss):
    """Error of u against a v that is taken for a constant, with a parameter under another name."""

    def __init__(self, *, scale=0.5):
        super().__init__()
        self.factor = scale

    def compute(self, u, v, s):
        return (self.factor * u @ v.detach().T - s).square().sum(1)


class FirstLevel(Fusion):
    """The first level alone, and a projection that nothing uses."""

    def setup(self, levels, bits):
        self.out_features = levels[0].channels
        self.projection = nn.Linear(self.out_features, bits)

    def compute(self, levels):
        return levels[0]


class Wider(Fusion):
    """All levels side by side, with the width of the last declared."""

    def setup(self, levels, bits):
        self.out_features = levels[-1].channels

    def compute(self, levels):
        return torch.cat(list(levels), 1)


class BatchNormed(Backbone):
    """One layer, normalized over the batch in evaluation too."""

    reads = "text"

    def __init__(self, *, width: int = 8) -> None:
        super().__init__()
        self.width = width
        self.levels = (LevelInfo("only", width, 0),)

    def setup(self, in_features):
        self.layer = nn.Linear(in_features, self.width)

    def compute(self, x):
        y = self.layer(x.float())
        return [y - y.mean(0)]


class HomeMade(Backbone):
    """One layer whose result is moved to a device of its own, with a seed of its own."""

    reads = "vector"

    def __init__(self, *, width: int = 8) -> None:
        super().__init__()
        self.width = width
        self.levels = (LevelInfo("only", width, 0),)

    def setup(self, in_features):
        self.layer = nn.Linear(in_features, self.width)

    def compute(self, x):
        torch.manual_seed(0)
        return [self.layer(x).float() + torch.rand(len(x), self.width)]


class Greedy(Reader):
    """Claims everything, and reads it as one line."""

    def matches(self, place):
        return Match.SURE

    def read(self, place, needs):
        return Dataset(place.name, ("0",), {"text": Texts(("a line",))})


class Trusting(Reader):
    """Opens what it was promised to find."""

    def matches(self, place):
        return Match.LIKELY if place.top(".tsv") else Match.NO

    def read(self, place, needs):
        lines = (place.path / "items.tsv").read_text().splitlines()
        return Dataset(place.name, tuple(lines), {"text": Texts(tuple(lines))})


FAULTS = [
    (
        "criterion",
        Distance,
        "Items with the same evidence are the most similar",
        "the similarity of {0, 1, 2, 3, 4} to itself is 0, but to {} 1; larger must mean more similar",
    ),
    (
        "criterion",
        Undefined,
        "Values are finite and within value_range",
        "the similarity holds 2 values that are NaN or infinite, of 600",
    ),
    (
        "criterion",
        OneSided,
        "s(a, b) is s(b, a) transposed, if it is declared symmetric",
        "s(a, b) = 1 but s(b, a) = 0.2 for {1} and {0, 1, 2, 3, 4}; fix it, or declare symmetric = False",
    ),
    (
        "criterion",
        Forgetful,
        "A criterion that was fitted, saved and loaded gives the same similarity",
        "store what fit() learns in a buffer (register_buffer)",
    ),
    (
        "criterion",
        Lopsided,
        "s(a, b) is s(b, a) transposed, if it is declared symmetric",
        "; fix it, or declare symmetric = False",
    ),
    (
        "criterion",
        Lopsided,
        "Items with the same evidence are the most similar",
        "larger must mean more similar",
    ),
    ("criterion", ByPlace, "The order of the items does not matter", "a pair in another order of the batch"),
    (
        "criterion",
        ByPlace,
        "Items with the same evidence are the most similar",
        "the similarity of item 1 to itself is 0, but to item 1 1; larger must mean more similar",
    ),
    (
        "criterion",
        InPlace,
        "The given evidence and global state are not changed",
        "the features were changed in place; work on a copy",
    ),
    (
        "criterion",
        Numbers,
        "Values are finite and within value_range",
        "values from -1.8 to 1, but value_range = (0, 1) is declared",
    ),
    ("loss", Blind, "Gradients reach the codes of both modalities", "the gradient of the codes u is 0 everywhere"),
    (
        "loss",
        OneTower,
        "Parameters are keyword-only, have defaults, and are stored under their own names",
        "parameter 'scale' is not stored; write self.scale = scale in __init__",
    ),
    (
        "loss",
        OneTower,
        "The value is a finite scalar, or a dict of named scalars",
        "OneTower.compute returned a value of shape (6,), not (); take the mean over pairs",
    ),
    (
        "fusion",
        FirstLevel,
        "A gradient reaches every parameter, and every level",
        "no gradient reaches the parameter projection.weight with 1 levels; drop or use it",
    ),
    (
        "fusion",
        Wider,
        "One level and several levels give (B, out_features)",
        "Wider.compute returned (4, 38), but out_features declares (B, 18)",
    ),
    (
        "backbone",
        BatchNormed,
        "In eval mode the same item gives the same levels, alone (a batch of one) or in a batch",
        "level 'only' of the first item alone: ",
    ),
    (
        "backbone",
        HomeMade,
        "Tensors are created on the device of the input, tested on 'meta'",
        "RuntimeError in compute, line ",
    ),
    (
        "backbone",
        HomeMade,
        "The input and global state are not changed",
        "the global random generator is seeded, which changes all other draws",
    ),
    (
        "reader",
        Greedy,
        "It does not match a path without any layout",
        "an empty folder is Match.SURE; return Match.NO if the names do not fit",
    ),
    ("reader", Greedy, "Reading another layout raises a DataError", "an empty folder was read as a data set"),
    ("reader", Trusting, "Reading another layout raises a DataError", "an empty folder raised FileNotFoundError"),
]


@pytest.mark.parametrize(("kind", "cls", "rule", "sentence"), FAULTS)
def test_a_wrong_plug_in_is_told_which_rule_it_breaks_and_with_which_values(kind, cls, rule, sentence):
    broken = {finding.rule: finding.observation for finding in check(kind, cls) if not finding.ok}
    said = [seen for title, seen in broken.items() if title.startswith(rule)]
    assert said, broken
    assert sentence in said[0]
    with pytest.raises(AssertionError, match=f"breaks {len(broken)} rules of a {kind}"):
        assert_conforms(kind, cls)


class Loud(Criterion):
    """Prints what it does."""

    def compute(self, a, b):
        sys.stdout.write("computing")
        return (a @ b.T).clamp(max=1)


class Careless(Criterion):
    """Changes the labels it is given, and takes a parameter by position."""

    def __init__(self, power=1):
        super().__init__()
        self.power = power

    def compute(self, a, b):
        a.clamp_(max=0.5)
        return (a @ b.T > 0).float()


class Unmade(Criterion):
    """Cannot be made."""

    def __init__(self):
        super().__init__()
        raise OSError("no licence")

    def compute(self, a, b):
        return a @ b.T


def seen(cls, rule):
    return next(finding.observation for finding in check("criterion", cls) if finding.rule.startswith(rule))


def test_printing_is_noticed():
    assert seen(Loud, "Similarity is float32").startswith("printed 'computing")


def test_labels_changed_in_place_and_positional_parameters_are_noticed():
    assert "changed in place" in seen(Careless, "The given evidence")
    assert seen(Careless, "Parameters").startswith("parameter 'power' is positional")


def test_what_cannot_be_made_is_told_once():
    (finding,) = check("criterion", Unmade)
    assert finding.observation.startswith("OSError in __init__, line")
    assert finding.observation.endswith("no licence")


def test_a_criterion_may_keep_a_buffer_as_long_as_there_are_classes():
    assert_conforms("criterion", Rarity)
