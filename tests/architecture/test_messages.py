"""The rule for full stops in messages (CONTRIBUTING.md, Style), checked on the source."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*sorted((ROOT / "crossmodal_hash").rglob("*.py")), *sorted((ROOT / "plugins").glob("*/chash_*.py"))]
# Exceptions by their suffix; the rest warn, note or print.
TAKES_A_MESSAGE = re.compile(r".*Error|BadParameter|warn|add_note|on_note|say|_say|print_error|print_interrupted")


def texts(node, assigned):
    """What an argument can say, with `{}` where a value goes; a name stands for the strings it is bound to."""
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)]
        case ast.IfExp(body=yes, orelse=no):
            return texts(yes, assigned) + texts(no, assigned)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [a + b for a in texts(left, assigned) for b in texts(right, assigned)]
        case ast.Name(id=name) if name in assigned:
            return [text for value in assigned[name] for text in texts(value, {})]
    return ["{}"]


def called(node):
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def messages(source):
    """Line and text of each message in one module."""
    tree = ast.parse(source)
    for scope in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef))]:
        assigned = {}
        for node in ast.walk(scope) if isinstance(scope, ast.FunctionDef) else ():
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).append(node.value)
        is_error = isinstance(scope, ast.ClassDef) and scope.name.endswith("Error")
        for node in ast.walk(scope):
            own = is_error and isinstance(node, ast.Call) and called(node) == "__init__"
            if isinstance(node, ast.Call) and (own or TAKES_A_MESSAGE.fullmatch(called(node))):
                yield from ((node.lineno, text) for argument in node.args for text in texts(argument, assigned))


def breaks_the_rule(text):
    if re.search(r".\S[.?!]\)? ", text):
        return not re.search(r"[.?!]\)?$", text)
    return text.endswith(".") and not text.endswith("...")


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("{} does not exist", False),
        ("{} does not exist.", True),
        ("{} holds no codes; encode the run, such as {}", False),
        ("is K larger?", False),
        ("{} failed. Run it again.", False),
        ("{} failed. Run it again", True),
        ("{} failed. {}", True),
        ("{} ...", False),
        ("1. chash train", False),
    ],
)
def test_what_breaks_the_rule(text, broken):
    assert breaks_the_rule(text) is broken


def test_a_message_is_found_wherever_it_is_written():
    source = """
class OwnError(DataError):
    def __init__(self):
        super().__init__("a")
def f(x):
    said = f"b {x}"
    raise DataError(said) if x else errors.CodesError("c" if x > 1 else "d" + x)
warnings.warn("e", stacklevel=2)
"""
    assert {text for _, text in messages(source)} - {"{}"} == {"a", "b {}", "c", "d{}", "e"}


def test_one_sentence_has_no_full_stop_and_several_have_one_each():
    found = {
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in SOURCES
        for line, text in messages(path.read_text())
        if breaks_the_rule(text)
    }
    assert sorted(found) == []
