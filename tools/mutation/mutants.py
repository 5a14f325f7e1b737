"""Mutants: small wrong changes of a source file, one at a time.

A mutant replaces some bytes of the file, found by its syntax tree, and leaves all others as they are. Not mutated:
docstrings, annotations, decorators, imports, `raise`, `assert`, f-strings, arguments of `warnings` and
`logging`, blocks for type checkers, and strings that nothing is compared with or looked up by.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
COMPARISON = r"is\s+not\b|not\s+in\b|is\b|in\b|[<>]=?|[!=]="
ARITHMETIC = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.FloorDiv: ("//", "%"),
    ast.Mod: ("%", "//"), ast.Pow: ("**", "*"), ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"),
}  # fmt: skip
LOOK_UPS = {"get", "pop", "setdefault", "startswith", "endswith", "removeprefix", "removesuffix", "partition", "split"}
MANY = 100
SPEECH = re.compile(r"(warnings\.)?warn|(logging|logger|log)\.\w+")
SPARED = (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
"""Messages, mostly. Python 3.11 gives wrong positions for expressions within an f-string."""
FOR_TYPES = re.compile(r"(typing\.)?(Literal|Annotated)")


@dataclass(frozen=True)
class Mutant:
    """One change of one file.

    Attributes:
        file: path from the root of the project, with slashes.
        original: the whole file as it is.
        start: first byte that is replaced.
        end: the byte after the last that is replaced.
        new: the replacement.
        span: first and last line of the statement; a test that executes one of them executes the mutant.
        on_import: executed when the module is imported, before any test runs.
        occurrence: how many mutants of the file before this one read the same.
    """

    file: str
    original: bytes
    start: int
    end: int
    new: str
    span: tuple[int, int]
    on_import: bool
    occurrence: int = 0

    @property
    def line(self) -> int:
        """Where the change begins, from 1."""
        return self.original.count(b"\n", 0, self.start) + 1

    @property
    def source(self) -> bytes:
        """The whole file with the change."""
        return self.original[: self.start] + self.new.encode() + self.original[self.end :]

    @property
    def label(self) -> str:
        """The file, and the lines it touches before and after, each joined to one line."""
        first = self.original.rfind(b"\n", 0, self.start) + 1
        rest = self.original[self.end :].split(b"\n", 1)[0]
        old = self.original[first : self.end] + rest
        new = self.original[first : self.start] + self.new.encode() + rest
        return f"{self.file}: {' '.join(old.decode().split())} => {' '.join(new.decode().split())}"

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        before, after = self.original.decode().splitlines(True), self.source.decode().splitlines(True)
        return "".join(difflib.unified_diff(before, after, self.file, self.file))

    @property
    def key(self) -> str:
        """Identifies this change of this version of the file."""
        return f"{digest(self.original)} {self.occurrence} {self.label}"


def digest(source: bytes) -> str:
    """Short hash of a file's contents."""
    return sha256(source).hexdigest()[:16]


def mutants(root: Path, paths: Iterable[Path]) -> Iterator[Mutant]:
    """Every mutant of the files and of those in the folders, in the order of their lines."""
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield from mutants_of(file.relative_to(root).as_posix(), file.read_bytes())


def mutants_of(file: str, source: bytes) -> list[Mutant]:
    """Every mutant of one file, in the order of its lines."""
    found = sorted(_Finder(file, source).found, key=lambda mutant: (mutant.start, mutant.end, mutant.new))
    seen: Counter[str] = Counter()
    numbered = []
    for mutant in found:
        numbered.append(replace(mutant, occurrence=seen[mutant.label]))
        seen[mutant.label] += 1
    return numbered


class _Finder(ast.NodeVisitor):
    """Collects the mutants of a file."""

    def __init__(self, file: str, source: bytes) -> None:
        self.file, self.source = file, source
        self.starts = [0, *(match.end() for match in re.finditer(b"\n", source))]
        self.found: list[Mutant] = []
        self.span, self.on_import = (1, len(self.starts)), True
        self.returns_bool = False
        self.visit(ast.parse(source))

    def begin(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        """First byte of a node."""
        return self.starts[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        """The byte after a node."""
        return self.starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)

    def put(self, start: int, end: int, new: str) -> None:
        """Add a mutant."""
        self.found.append(Mutant(self.file, self.source, start, end, new, self.span, self.on_import))

    def replace(self, node: ast.expr | ast.stmt, new: str) -> None:
        """Replace a whole node."""
        self.put(self.begin(node), self.end(node), new)

    def swap(self, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        """Replace the operator between two expressions, where there may be brackets too."""
        match = re.compile(old.encode()).search(self.source, self.end(left), self.begin(right))
        if match:
            self.put(match.start(), match.end(), new)

    def text(self, *nodes: ast.AST | None) -> None:
        """Change those expressions that are string literals; they are compared or looked up."""
        for node in nodes:
            if isinstance(node, ast.expr) and _is_text(node):
                self.replace(node, repr(f"{ast.literal_eval(node)}_"))

    @contextmanager
    def at(self, span: tuple[int, int], on_import: bool) -> Iterator[None]:
        """Mutants found meanwhile get this span."""
        before = self.span, self.on_import
        self.span, self.on_import = span, on_import
        yield
        self.span, self.on_import = before

    def visit(self, node: ast.AST) -> None:
        """Visit a node; within a function each statement has its own span."""
        if isinstance(node, SPARED):
            return
        if isinstance(node, ast.stmt) and not self.on_import:
            with self.at((node.lineno, _last_line(node)), on_import=False):
                super().visit(node)
        else:
            super().visit(node)

    def every(self, nodes: Iterable[ast.AST]) -> None:
        """Visit several nodes."""
        for node in nodes:
            self.visit(node)

    # Definitions.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        body = (node.body[0].lineno, node.end_lineno or node.lineno)
        defaults = [default for default in (*node.args.defaults, *node.args.kw_defaults) if default is not None]
        # A default is evaluated on import, and matters where the function is called.
        with self.at(body if self.on_import else self.span, self.on_import):
            self.text(*defaults)
            self.every(defaults)
        before = self.returns_bool
        self.returns_bool = isinstance(node.returns, ast.Name) and node.returns.id == "bool"
        with self.at(body, on_import=False):
            self.every(node.body)
        self.returns_bool = before

    def visit_Lambda(self, node: ast.Lambda) -> None:
        body = (node.body.lineno, node.body.end_lineno or node.body.lineno)
        with self.at(body if self.on_import else self.span, on_import=False):
            self.visit(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.every(node.body)

    # Statements.

    def visit_Assign(self, node: ast.Assign) -> None:
        if "__all__" in map(ast.unparse, node.targets):
            return
        if any(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            self.replace(node, "pass")
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is None:
            return
        if isinstance(node.target, ast.Attribute | ast.Subscript):
            self.replace(node, "pass")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.replace(node, "pass")
        if type(node.op) in ARITHMETIC:
            old, new = ARITHMETIC[type(node.op)]
            self.swap(node.target, node.value, re.escape(f"{old}="), f"{new}=")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.replace(node, "pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is None:
            return
        # `return None` behaves like `return False`; for True and False the constant itself is mutated.
        trivial = isinstance(node.value, ast.Constant) and (node.value.value is None or node.value.value in (0, 1))
        if self.returns_bool and not trivial:
            text = self.source[self.begin(node.value) : self.end(node.value)].decode()
            self.replace(node.value, f"not ({text})")
        elif not trivial:
            self.replace(node.value, "None")
        self.visit(node.value)

    # Conditions.

    def force(self, test: ast.expr, *values: str) -> None:
        """Replace a condition by constants."""
        if not isinstance(test, ast.Constant):
            for value in values:
                self.replace(test, value)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            self.every(node.orelse)
            return
        self.force(node.test, "True", "False")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.force(node.test, "True", "False")
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self.force(node.test, "False")
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self.force(test, "True")
        self.generic_visit(node)

    # Operators.

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        for left, operator, right in zip(sides, node.ops, node.comparators, strict=False):
            self.swap(left, right, COMPARISON, COMPARISONS[type(operator)])
        for asked, side in zip([None, *node.ops], sides, strict=True):
            if isinstance(asked, ast.In | ast.NotIn) and _is_text(side):
                self.replace(side, repr(ast.literal_eval(side)[:-1]))  # the test may be for a single letter
            else:
                self.text(*side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        # On strings, paths and unions of types the mutant would only raise a TypeError.
        texts = any(isinstance(side, ast.JoinedStr) or _is_text(side) for side in (node.left, node.right))
        hopeless = texts or (self.on_import and isinstance(node.op, ast.BitOr))
        if type(node.op) in ARITHMETIC and not hopeless:
            old, new = ARITHMETIC[type(node.op)]
            self.swap(node.left, node.right, re.escape(old), new)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        old, new = (r"\band\b", "or") if isinstance(node.op, ast.And) else (r"\bor\b", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.swap(left, right, old, new)
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        match = re.compile(rb"not\s*|-|~").match(self.source, self.begin(node))
        if match:
            self.put(match.start(), match.end(), "")
        self.generic_visit(node)

    # Constants, keys and arguments.

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self.replace(node, repr(not node.value))
        elif isinstance(node.value, int | float):
            # One more or less rarely matters in a large number, such as a buffer size.
            self.replace(node, repr(node.value + 1 if abs(node.value) < MANY else 2 * node.value))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if FOR_TYPES.fullmatch(ast.unparse(node.value)):
            return
        self.text(node.slice)
        self.generic_visit(node)

    def visit_Dict(self, node: ast.Dict) -> None:
        self.text(*node.keys)
        self.generic_visit(node)

    def visit_MatchValue(self, node: ast.MatchValue) -> None:
        self.text(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = ast.unparse(node.func)
        if SPEECH.fullmatch(name):
            return
        if name in ("cast", "isinstance", "issubclass"):
            # Their other argument is a type.
            self.visit(node.args[name == "cast"])
            return
        if name.rpartition(".")[2] in LOOK_UPS:
            self.text(*node.args[:1])
        self.drop_keywords(node)
        self.generic_visit(node)

    def drop_keywords(self, node: ast.Call) -> None:
        """Drop each keyword argument, with its comma."""
        arguments: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        arguments.sort(key=self.begin)
        for i, argument in enumerate(arguments):
            if not isinstance(argument, ast.keyword) or argument.arg is None:
                continue
            start, end = self.begin(argument), self.end(argument)
            if i + 1 < len(arguments):
                end = self.begin(arguments[i + 1])
            elif i:
                start = self.source.rindex(b",", 0, start)
            elif match := re.compile(rb"\s*,").match(self.source, end):
                end = match.end()
            self.put(start, end, "")


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _last_line(node: ast.stmt) -> int:
    """Last line of a statement, or of its header if it has a body."""
    body = getattr(node, "body", None)
    return max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
