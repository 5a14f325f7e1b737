"""The mutation tester: which mutants it makes, and that it tells the killed from the survivors."""

import sys

import pytest

if sys.platform == "win32":
    pytest.skip("the mutation tester needs os.fork", allow_module_level=True)

import mutate
from mutation.mutants import mutants_of


def changes(source):
    """The changed lines of all mutants of a source."""
    return [mutant.label.partition(" => ")[2] for mutant in mutants_of("x.py", source.encode())]


def in_function(line):
    """The changed lines of all mutants of a line within a function."""
    return changes(f"def f():\n    {line}\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = (a) >= (b)", ["x = (a) > (b)"]),
        ("x = a == b != c", ["x = a != b != c", "x = a == b == c"]),
        ("x = a is not b", ["x = a is b"]),
        ("x = a in b", ["x = a not in b"]),
        ("x = a + b * c", ["x = a - b * c", "x = a + b / c"]),
        ("x = a // b", ["x = a % b"]),
        ("x = a & b", ["x = a | b"]),
        ("x = a and b and c", ["x = a or b and c", "x = a and b or c"]),
        ("x = not (a)", ["x = (a)"]),
        ("x = -a", ["x = a"]),
        ("x = 7", ["x = 8"]),
        ("x = 0.5", ["x = 1.5"]),
        ("x = 4_000", ["x = 8000"]),
        ("x = True", ["x = False"]),
        ("return a", ["return None"]),
        ("a.b()", ["pass"]),
        ("a.b = c", ["pass"]),
        ("a[b]: int = c", ["pass"]),
        ("a += b", ["pass", "a -= b"]),
        ("x = a if b else c", ["x = a if False else c", "x = a if True else c"]),
        ("x = [a for a in b if a]", ["x = [a for a in b if True]"]),
        ("x = g(a=b)", ["x = g()"]),
        ("x = g(a, b=c)", ["x = g(a)"]),
        ("x = g(a=b, c=d)", ["x = g(c=d)", "x = g(a=b)"]),
        ("x = g(a=b,)", ["x = g()"]),
        ("x = g((a), b=(c), *d)", ["x = g((a), *d)"]),
        ("x = a == 'é'", ["x = a != 'é'", "x = a == 'é_'"]),
        ("x = a in ('b', c)", ["x = a not in ('b', c)", "x = a in ('b_', c)"]),
        ("x = a in 'bc'", ["x = a not in 'bc'", "x = a in 'b'"]),
        ("x = a['b']", ["x = a['b_']"]),
        ("x = {'a': 'b'}", ["x = {'a_': 'b'}"]),
        ("x = a.get('b', 'c')", ["x = a.get('b_', 'c')"]),
    ],
)
def test_an_operator_makes_these_mutants(line, expected):
    assert in_function(line) == expected


def test_a_condition_is_replaced_by_both_constants():
    assert changes("def f():\n    if a:\n        b\n") == ["if False:", "if True:"]
    assert changes("def f():\n    while a:\n        b\n") == ["while False:"]


def test_a_default_is_changed():
    assert changes("def f(a=1, *, b='c', d=None): ...") == [
        "def f(a=2, *, b='c', d=None): ...",
        "def f(a=1, *, b='c_', d=None): ...",
    ]


def test_a_returned_bool_is_negated():
    assert changes("def f() -> bool:\n    return a\n") == ["return not (a)"]
    assert changes("def f() -> bool:\n    return False\n") == ["return True"]


@pytest.mark.parametrize(
    "line",
    [
        '"""One of 3 docstrings."""',
        "raise ValueError('a', 1 + 2)",
        "assert a == 1, 'b'",
        "x = f'{a + 1}'",
        "x = 'a'",
        "x: Literal['a']",
        "x = cast(Literal['a'], b)",
        "return None",
        "import a",
    ],
)
def test_messages_and_types_are_not_mutated(line):
    assert in_function(line) == []


def test_a_warning_is_dropped_but_its_text_is_not_mutated():
    assert in_function("warnings.warn('a', stacklevel=2)") == ["pass"]
    assert in_function("logging.info('a', 1)") == ["pass"]


def test_annotations_decorators_exports_and_type_checking_blocks_are_not_mutated():
    source = (
        "__all__ = ['a']\nif TYPE_CHECKING:\n    a = 1\n@dataclass(frozen=True)\nclass A:\n    a: int | Literal[1]\n"
    )
    assert changes(source + "@cache(1)\ndef f(a: Literal[1]) -> Literal[2]: ...\n") == []


def test_the_span_of_a_mutant_is_all_lines_of_its_statement():
    source = b"def f():\n    x = g(\n        a,\n        1,\n    )\n    if (a\n            < b):\n        pass\n"
    spans = {mutant.new: mutant.span for mutant in mutants_of("x.py", source)}
    assert spans == {"2": (2, 5), "<=": (6, 7), "True": (6, 7), "False": (6, 7)}


def test_mutants_that_are_executed_on_import_are_marked():
    found = mutants_of("x.py", b"A = 1\nclass B:\n    c = 2\n    def d(self, e=3):\n        f = 4\n")
    assert [mutant.on_import for mutant in found] == [True, True, True, False]


TOY = """
def twice(x):
    return x + x

def down(x):
    while x:
        x -= 1

def untested(x):
    return -x
"""
SHOWN = """
def shown(x):
    '''
    >>> shown(1)
    3
    '''
    return x + 2
"""
SETTINGS = """
[tool.pytest.ini_options]
addopts = "--doctest-modules --import-mode=importlib"
testpaths = ["toy", "tests"]
"""
TESTS = """
import pytest
from toy.sums import down, twice

@pytest.fixture(scope="module")
def four():
    return twice(2)

def test_that_it_is_there(four):
    pass

@pytest.mark.skip(reason="not today")
def test_skipped():
    pass

def test_that_it_is_a_number(four):
    assert four >= 0

def test_that_it_ends():
    down(2)
"""
EQUIVALENT = """
# a comment
toy/sums.py: x -= 1 => x += 1  # for the sake of this test
toy/sums.py: x -= 1 => x += 9  # is no mutant
"""


@pytest.fixture
def toy(tmp_path):
    for name, text in {
        "pyproject.toml": SETTINGS,
        "toy/__init__.py": "",
        "toy/sums.py": TOY,
        "toy/shown.py": SHOWN,
        "tests/test_sums.py": TESTS,
        "tools/mutants_equivalent.txt": EQUIVALENT,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.slow
def test_killed_and_survived_are_told_apart_and_no_file_is_changed(toy, capsys, monkeypatch):
    monkeypatch.setattr(mutate, "PATIENCE", 15.0)  # less, and a busy machine ends mutants that would have survived
    before = {path: path.read_bytes() for path in toy.rglob("*.py")}
    mutate.main(["map"], toy)
    out = capsys.readouterr().out
    assert "test_sums.py: 3 tests" in out
    assert "not usable: tests/test_sums.py::test_skipped: skipped: Skipped: not today" in out
    mutate.main(["run", "toy"], toy)
    out = capsys.readouterr().out
    rows = {row["label"].partition(": ")[2]: row for row in mutate.Results(toy).rows.values()}
    assert {change: row["result"] for change, row in rows.items()} == {
        "return x + x => return x - x": "survived",
        "return x + x => return None": "killed",
        "while x: => while False:": "survived",
        "x -= 1 => pass": "timeout",
        "x -= 1 => x -= 2": "survived",
        "return -x => return x": "not covered",
        "return -x => return None": "not covered",
        "return x + 2 => return x - 2": "killed",
        "return x + 2 => return x + 3": "killed",
        "return x + 2 => return None": "killed",
    }
    assert "4 tests, 1 others not usable" in out
    assert "11 of 11 mutants, 1 of them known" in out
    assert "does not exist: toy/sums.py: x -= 1 => x += 9" in out
    assert "4 killed, 1 timeout, 3 survived, 2 not covered" in out
    assert "mutation score: 5 of 10, 50.0 %" in out
    assert {path: path.read_bytes() for path in toy.rglob("*.py")} == before

    killed = rows["return x + x => return None"]
    assert killed["by"] == "tests/test_sums.py::test_that_it_is_a_number"  # its fixture was made for the test before it
    mutate.main(["show", str(killed["number"])], toy)
    assert "-    return x + x\n+    return None\n" in capsys.readouterr().out

    mutate.main(["run", "toy"], toy)
    assert "0 to be tried" in capsys.readouterr().out
    (toy / "toy" / "sums.py").write_text(TOY + "\n")
    with pytest.raises(SystemExit, match=r"sums\.py changed since tests were mapped"):
        mutate.main(["run", "toy"], toy)
