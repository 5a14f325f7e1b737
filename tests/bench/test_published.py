import pytest

from crossmodal_hash.bench.published import NOTE, content, data_set, data_sets, notes, printed
from crossmodal_hash.errors import DataError

DIRECTIONS = {"image->text", "text->image"}
TABLES = content()["tables"]


def figures(paper, data, table=None):
    """Method -> all its figures in one table."""
    found = [t for t in TABLES if (t["paper"], t["data"]) == (paper, data) and (table is None or t["table"] == table)]
    return {name: rows for t in found for name, rows in t["methods"].items()}


@pytest.mark.parametrize("table", TABLES, ids=lambda t: f"{t['paper']}-{t['table']}-{t['data']}")
def test_every_number_is_a_fraction_in_both_directions_at_every_length(table):
    for rows in table["methods"].values():
        assert set(rows) == DIRECTIONS
        for numbers in rows.values():
            assert len(numbers) == len(table["bits"])
            assert all(0.3 < number < 0.9 and round(number, 4) == number for number in numbers)


def test_the_two_papers_print_the_same_figures_for_two_methods():
    for data, table in (("mirflickr25k", "2"), ("nuswide", "3")):
        first, second = figures("hsidhn", data, table), figures("dspah", data)
        assert first["hsidhn"] == second["dspah"]
        shared = set(first) & set(second)
        assert shared == {"scm", "seph", "dcmh", "chn", "prdh", "ssah", "cmhh"}
        assert all(first[name] == second[name] for name in shared)
        others = [rows for name, rows in first.items() if name != "hsidhn"]
        assert len({str(rows) for rows in others}) == len(others), "two more methods with the same figures"
    for name in ("HSIDHN [1]", "DSPAH [2]", "SCM, SePH, DCMH, CHN, PRDH, SSAH, CMHH", "twelve"):
        assert name in NOTE


def test_the_ablation_is_of_64_bits():
    for data, table in (("mirflickr25k", "2"), ("nuswide", "3")):
        whole, ablation = figures("hsidhn", data, table)["hsidhn"], figures("hsidhn", data, "4")["hsidhn"]
        assert {direction: numbers[2:] for direction, numbers in whole.items()} == ablation


def test_rows_that_two_papers_share_are_one():
    assert [row.papers for row in printed("scm", "mirflickr25k")] == ["[1][2]"]
    assert [row.sources for row in printed("hsidhn", "nuswide")] == [("[1] Table 3", "[1] Table 4")]
    assert printed("hsidhn-bbi", "mirflickr25k")[0].values["image->text"] == {64: 0.8034}
    assert printed("default", "mirflickr25k") == []


def test_some_figures_as_they_are_printed():
    assert printed("cmssh", "nuswide")[0].values["image->text"] == {16: 0.3092, 32: 0.3099, 64: 0.3396}
    assert printed("ssah", "mirflickr25k")[0].values["text->image"] == {16: 0.7860, 32: 0.7974, 64: 0.7910}


def test_a_data_set_is_known_by_the_beginning_of_its_name():
    assert data_sets() == ["mirflickr25k", "nuswide"]
    assert (data_set("MIRFlickr-25K"), data_set("nus-wide-21")) == ("mirflickr25k", "nuswide")
    with pytest.raises(DataError, match="no figures for data set 'coco'"):
        data_set("coco")


def test_every_paper_has_its_source():
    assert all("doi 10." in note for note in notes()[:-1])
