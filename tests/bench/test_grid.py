from itertools import product

import pytest

from crossmodal_hash.bench.grid import Cell, cells, read_grid
from crossmodal_hash.errors import SettingsError


def write(tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    return path


def test_a_grid_is_every_combination_once():
    over = {"methods": ["a", "b"], "bits": [16, 64], "seeds": [0, 3], "data": [{"path": "x.zip"}, {"path": "y.tar.gz"}]}
    found = [(c.data.name, c.method.name, c.bits, c.seed) for c in cells(read_grid(None, over))]
    assert len(found) == len(set(found)) == 16
    assert set(found) == set(product(("x", "y"), ("a", "b"), (16, 64), (0, 3)))


def test_a_seed_is_finished_before_the_next_begins():
    found = list(cells(read_grid(None, {"methods": ["a", "b"], "bits": [16, 32], "seeds": [1, 0]})))
    assert [cell.seed for cell in found] == [1] * 4 + [0] * 4


def test_a_cell_has_a_folder_of_its_own(tmp_path):
    cell = next(cells(read_grid(None, {"methods": ["hsidhn"], "data": [{"path": "/data/flickr.zip"}]})))
    assert cell.folder(tmp_path) == tmp_path / "flickr" / "hsidhn-16-0"


def test_the_papers_code_lengths_and_three_seeds_by_default():
    grid = read_grid(None, {"methods": ["default"]})
    assert (grid.bits, grid.seeds, grid.data[0].name) == ([16, 32, 64], [0, 1, 2], "drawings")


def test_a_file_and_flags_over_it(tmp_path):
    text = """
    methods = ["dspah", { name = "cut", recipe = "hsidhn", sim = "hard", sets = ["train.epochs=2"] }]
    bits = [16]
    sets = ["train.batch=8"]
    [[data]]
    name = "d"
    query = 5
    """
    grid = read_grid(
        write(tmp_path, text), {"methods": ["cut", "default"], "query": 7, "skip_bad": True, "sets": ["train.lr=1.0"]}
    )
    first, second = grid.methods
    assert (first.recipe, first.sim, second.recipe) == ("hsidhn", "hard", "default")
    cell = next(cells(grid))
    assert cell.all_sets() == ("train.batch=8", "train.lr=1.0", "train.epochs=2")
    assert cell.flags()["skip_bad"] is True
    assert (cell.data.name, cell.data.query, cell.flags()["query"], cell.flags()["sim"]) == ("d", 7, 7, "hard")


def test_some_of_the_methods_of_a_file_need_not_be_compared_with_another_of_it(tmp_path):
    file = write(tmp_path, 'methods = ["default", "hsidhn", "dcmh"]\nagainst = "default"')
    assert read_grid(file, {"methods": ["hsidhn", "default"]}).against == "default"
    assert read_grid(file, {"methods": ["hsidhn", "dcmh"]}).against is None
    with pytest.raises(SettingsError, match="against = 'scm' is not one of the methods hsidhn"):
        read_grid(file, {"methods": ["hsidhn"], "against": "scm"})


def test_a_recipe_file_is_named_like_the_file():
    method = read_grid(None, {"methods": ["mine/new.toml"]}).methods[0]
    assert (method.name, method.recipe) == ("new", "mine/new.toml")


def test_a_cell_survives_its_way_to_a_process():
    cell = next(cells(read_grid(None, {"methods": ["default"], "sets": ["a=1"], "metrics": ["map@5"]})))
    assert Cell.from_json(cell.to_json()) == cell


@pytest.mark.parametrize("name", ["papers", "ablation"])
def test_the_grids_that_ship_are_read(name, request):
    grid = read_grid(request.config.rootpath / "benchmarks" / f"{name}.toml")
    assert grid.seeds == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bits = [16]", "names no methods; give --methods"),
        ("methods = []", "at least 1"),
        ('methods = ["a", "a"]', "method a occurs twice"),
        ('methods = ["a"]\nbits = [0]', "bits = 0: should be greater than or equal to 1"),
        ('methods = ["a"]\nseeds = [1, 1]', "seed 1 occurs twice"),
        ('methods = ["a"]\nbit = [16]', "unknown key 'bit' (did you mean 'bits'"),
        ('methods = [{ name = "a", recip = "b" }]', "did you mean 'recipe'?"),
        ('methods = [{ name = "a/b" }]', "a/b"),
        ('methods = ["a"]\nagainst = "b"', "against = 'b' is not one of the methods a"),
        ('methods = ["a"]\n[[data]]\npath = "x"\n[[data]]\npath = "y/x"', "data set x occurs twice"),
        ("methods = [", "is not TOML"),
    ],
)
def test_a_wrong_grid_is_refused_in_words(tmp_path, text, said):
    with pytest.raises(SettingsError) as error:
        read_grid(write(tmp_path, text))
    assert said in str(error.value)
