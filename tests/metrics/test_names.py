import pytest

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.metrics import KNOWN, describe, parse

FULL = {
    "map@all": "map@all",
    "MAP@50": "map@50/retrieved",
    "map@5000/Retrieved": "map@5000/retrieved",
    "map@50/min": "map@50/min",
    "map@50/r": "map@50/R",
    "map@50/k": "map@50/k",
    "map@50-hits": "map@50-hits",
    "p@100": "P@100",
    "r@100": "R@100",
    "radius@2": "precision@r<=2",
    "precision@r<=0": "precision@r<=0",
    "ndcg@10": "NDCG@10",
    "ndcg@all": "NDCG@all",
    "acg@10": "ACG@10",
    "wap@10": "WAP@10",
    "hit@1": "hit@1",
    "median-rank": "median-rank",
    " pr@radius/micro ": "pr@radius/micro",
    "pr@radius/macro": "pr@radius/macro",
    "pr@radius/macro-masked": "pr@radius/macro-masked",
    "pr@rank": "pr@rank",
}


@pytest.mark.parametrize("name", FULL)
def test_a_name_becomes_the_full_name_which_means_itself(name):
    assert parse(name).name == FULL[name]
    assert parse(FULL[name]).name == FULL[name]


@pytest.mark.parametrize("known", KNOWN)
def test_every_known_name_can_be_asked_for(known):
    metric = parse(known.replace("@k", "@7").replace("<=k", "<=7"))
    assert (metric.values is None) != (metric.curve is None)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("mpa@50", "map@50"),
        ("map@50/retreived", "map@50/retrieved"),
        ("map", r"map@all'\?\); known"),
        ("mAP", r"map@all'\?\); known"),
        ("P", r"P@50'\?\); known"),
        ("pr@radius", "pr@radius/m"),
        ("mean-rank", "median-rank"),
        ("prec@r<2", "precision@r<=2"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(SettingsError, match=f"unknown metric '{wrong}'.*did you mean .*'{near}"):
        parse(wrong)


@pytest.mark.parametrize("wrong", ["map@k", "map@-5", "map@5.5", "map@5@6", "p@", "", "map@all5"])
def test_a_name_without_a_proper_number_is_unknown(wrong):
    with pytest.raises(SettingsError, match="unknown metric"):
        parse(wrong)


def test_a_cut_off_is_at_least_one():
    with pytest.raises(SettingsError, match="cut-off 0"):
        parse("p@0")


@pytest.mark.parametrize("known", KNOWN)
def test_every_metric_is_described_in_its_own_words(known):
    name = known.replace("@k", "@7").replace("<=k", "<=7")
    said = describe(name)
    if known == "map@k":
        assert said.startswith(KNOWN["map@k/retrieved"])
    else:
        assert said.startswith(KNOWN[known])
    assert said.endswith("k = 7") == (name != known)
    assert describe("ndcg@all") == KNOWN["NDCG@k"]


@pytest.mark.parametrize("known", KNOWN)
def test_a_larger_value_is_better_and_means_are_reported_except_for_the_rank(known):
    metric = parse(known.replace("@k", "@7").replace("<=k", "<=7"))
    assert metric.larger_is_better == (known != "median-rank")
    assert metric.summary([1.0, 2.0, 9.0]) == (2 if known == "median-rank" else 4)


@pytest.mark.parametrize("name", ["pr@rank", "pr@radius/micro", "pr@radius/macro"])
def test_what_is_called_a_curve_has_one_and_no_values(name):
    assert parse(name).curve is not None
    assert parse(name).values is None
