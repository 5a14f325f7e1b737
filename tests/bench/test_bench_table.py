import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal_hash.bench.done import Layout, find_done, layout_of, note_layout, read_done, read_layout
from crossmodal_hash.bench.grid import read_grid
from crossmodal_hash.bench.table import Scores, difference_table, long_table, score_table, spread, tables
from crossmodal_hash.cli.bench import _show
from crossmodal_hash.cli.output import Output
from crossmodal_hash.errors import RunError, SettingsError
from crossmodal_hash.report.tables import Strong, render

VALUES = {("a", 0): 0.70, ("a", 1): 0.74, ("a", 2): 0.71, ("b", 0): 0.69, ("b", 1): 0.75, ("b", 2): 0.78}


@pytest.fixture
def several(bench_kit):
    return [
        bench_kit.done(method, 16, seed, values=(value, 0.6), seconds=10.0 * (seed + 1), peak_gb=1.0 + seed / 10)
        for (method, seed), value in VALUES.items()
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_mean_and_spread_against_the_definition(values):
    found = spread(values)
    n = len(values)
    mean = sum(values) / n
    assert found.mean == pytest.approx(mean)
    assert found.seeds == n
    if n == 1:
        assert found.spread is None
    else:
        assert found.spread == pytest.approx(math.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1)), abs=1e-12)


def row_of(table, name):
    return dict(zip(table.columns, next(row for row in table.rows if row[0] == name), strict=True))


def test_a_row_is_mean_and_sample_deviation_over_seeds(several):
    row = row_of(score_table(Scores(several, "map@all", "all")), "a")
    mean = (0.70 + 0.74 + 0.71) / 3
    deviation = math.sqrt(sum((x - mean) ** 2 for x in (0.70, 0.74, 0.71)) / 2)
    assert row["image->text, 16"] == f"{mean:.4f} ± {deviation:.4f}"
    assert (row["seconds"], row["GB"]) == ("20", "1.2")


def test_the_best_of_a_column_stands_out_and_ties_do_so_together(several):
    table = score_table(Scores(several, "map@all", "all"))
    a, b = row_of(table, "a"), row_of(table, "b")
    assert isinstance(b["image->text, 16"], Strong)
    assert not isinstance(a["image->text, 16"], Strong)
    assert isinstance(a["text->image, 16"], Strong)
    assert isinstance(b["text->image, 16"], Strong)
    assert not isinstance(row_of(table, "random order")["image->text, 16"], Strong)
    assert "**0.7400 ± 0.0458**" in render(table, "md")
    assert r"\textbf{0.7400 $\pm$ 0.0458}" in render(table, "latex")
    assert "0.7400 ± 0.0458" in render(table, "csv")
    assert "*" not in render(table, "csv")


def test_only_formats_with_bold_text_say_what_bold_means(several, monkeypatch, capsys):
    table = score_table(Scores(several, "map@all", "all"))
    assert "\nbold: the best of each column\n" in render(table, "md")
    assert "% bold: the best of each column\n" in render(table, "latex")
    layout = Layout(databases=("all",))
    for is_terminal in (False, True):
        monkeypatch.setattr("sys.stdout.isatty", lambda is_terminal=is_terminal: is_terminal)
        _show(Output(), several, layout, "table", False, [])
        said = capsys.readouterr().err
        assert ("bold: the best of each column" in said) is is_terminal
        assert said.count("bold") == is_terminal
        assert "map@all, mean ± sample standard deviation" in said


def test_the_other_database_is_another_table(several):
    found = tables(several, metric="map@all")
    assert list(found) == ["flickr: map@all, database all", "flickr: map@all, database unseen"]
    everything, unseen = (row_of(table, "a")["image->text, 16"] for table in found.values())
    assert (everything[:6], unseen[:6]) == ("0.7167", "0.6167")


def test_seeds_that_are_missing_are_counted(several):
    row = row_of(score_table(Scores(several[:-1], "map@all", "all")), "b")
    assert row["image->text, 16"].endswith("(2 of 3 seeds)")


def test_code_lengths_are_columns_in_order_and_gaps_are_empty(bench_kit):
    done = [bench_kit.done("a", 64), bench_kit.done("a", 16), bench_kit.done("b", 64)]
    table = score_table(Scores(done, "map@all", "all"))
    assert table.columns[1:5] == ["image->text, 16", "image->text, 64", "text->image, 16", "text->image, 64"]
    assert row_of(table, "b")["image->text, 16"] == ""


def test_of_ranks_the_smallest_is_the_best_and_a_short_name_will_do(bench_kit):
    done = [
        bench_kit.done("a", values=(3.0, 5.0), metric="median-rank"),
        bench_kit.done("b", values=(4.0, 5.0), metric="median-rank"),
    ]
    table = score_table(Scores(done, "Median-Rank", "all"))
    column = "image->text, 16"
    assert [isinstance(row_of(table, name)[column], Strong) for name in ("a", "b")] == [True, False]


def test_facts_are_shown_beside_the_name(several):
    assert row_of(score_table(Scores(several, "map@all", "all"), show=["fusion"]), "b")["fusion"] == "fusion of b"


def test_differences_are_taken_seed_by_seed(several):
    row = row_of(difference_table(Scores(several, "map@all", "all"), "a"), "b")
    differences = [-0.01, 0.01, 0.07]
    mean = sum(differences) / 3
    deviation = math.sqrt(sum((x - mean) ** 2 for x in differences) / 2)
    assert row["image->text, 16"] == f"{mean:+.4f} ± {deviation:.4f}"


def test_printed_figures_stand_below_ours_and_are_never_the_best(bench_kit):
    done = [bench_kit.done("hsidhn", 64, data="mirflickr25k-dev", values=(0.1, 0.1))]
    table = score_table(Scores(done, "map@all", "all"), with_published=True)
    row = row_of(table, "hsidhn, as printed [1]")
    assert (row["image->text, 64"], row["text->image, 64"]) == ("0.8179", "0.8115")
    assert not isinstance(row["image->text, 64"], Strong)
    assert isinstance(row_of(table, "hsidhn")["image->text, 64"], Strong)
    assert any("context, not targets" in note for note in table.notes)


def test_the_long_table_has_every_figure(bench_kit, several):
    table = long_table(several)
    assert len(table.rows) == 2 * 2 * 2
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["method"], row["seeds"], row["random"], row["mean"]) == (
        "a",
        "0 1 2",
        0.5,
        pytest.approx(0.71667, abs=1e-5),
    )
    beside = long_table([bench_kit.done("dcmh", 16, data="nuswide")], with_published=True)
    first = dict(zip(beside.columns, beside.rows[0], strict=True))
    assert (first["printed"], first["source"]) == (0.5445, "[1] Table 3, [2] Table I")


def test_what_a_table_cannot_show_is_said(several):
    with pytest.raises(RunError, match="no cell has scores of map@50/retrieved, only of map@all"):
        Scores(several, "map@50", "all")
    with pytest.raises(SettingsError, match="map@al"):
        Scores(several, "map@al", "all")
    with pytest.raises(RunError, match="no cell is scored against database 'seen'"):
        tables(several, metric="map@all", databases=["seen"])
    with pytest.raises(RunError, match="no finished cell of 'c'"):
        difference_table(Scores(several, "map@all", "all"), "c")


def test_a_bench_folder_is_read_back_in_the_order_of_its_grid(bench_kit, tmp_path):
    for method in ("a", "b"):
        bench_kit.write(tmp_path, bench_kit.done(method))
    note_layout(tmp_path, layout_of(read_grid(None, {"methods": ["b"], "metrics": ["map@all", "map@5"]})))
    note_layout(tmp_path, Layout(["a", "b"], show=["fusion"]))
    layout = read_layout(tmp_path)
    assert (layout.methods, layout.show) == (["b", "a"], ["fusion"])
    assert [done.cell.method.name for done in find_done(tmp_path, layout.methods)] == ["b", "a"]
    bench_kit.write(tmp_path, bench_kit.done("a", 64))
    found = [(done.cell.method.name, done.cell.bits) for done in find_done(tmp_path)]
    assert found == [("a", 16), ("a", 64), ("b", 16)]
    assert len(read_done([bench_kit.cell("a"), bench_kit.cell("c")], tmp_path)) == 1


def test_an_empty_folder_says_how_to_fill_it(tmp_path):
    with pytest.raises(RunError, match="chash bench --methods"):
        find_done(tmp_path)
