"""The rules of every component, of any kind, and how a rule becomes a finding."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from crossmodal_hash.errors import ChashError, ContractError
from crossmodal_hash.registry import parameters
from crossmodal_hash.settings.parts import check_params


@dataclass(frozen=True)
class Finding:
    """The result of one rule for one component.

    Attributes:
        rule: the rule, as a sentence.
        ok: whether the component follows it.
        observation: what happened, with values.
    """

    rule: str
    ok: bool
    observation: str


class NotKeptError(Exception):
    """A broken rule; the message says what was returned and what was expected."""


@dataclass(frozen=True)
class Subject:
    """The component under test.

    Attributes:
        cls: its class.
        params: constructor parameters other than the defaults.
    """

    cls: type[Any]
    params: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def first(self) -> Any:
        """The object that all others are copies of, because drawing the weights of a large network takes time."""
        torch.manual_seed(0)
        return self.cls(**self.params)

    def make(self) -> Any:
        """A new object, always with the same random initialization."""
        return deepcopy(self.first)


Rule = Callable[[Subject], str]
"""Returns the observation, or raises `NotKeptError`; the first line of its docstring is the rule."""


def judge(subject: Subject, rules: Sequence[Rule]) -> Iterator[Finding]:
    """One finding per rule; an exception of the component breaks the rule, and a broken first rule ends the test."""
    for finding in (_try(rule, subject) for rule in rules):
        yield finding
        if not finding.ok and finding.rule == _title(rules[0]):
            return


def _title(rule: Rule) -> str:
    return (rule.__doc__ or "").partition("\n")[0].rstrip(".")


def _try(rule: Rule, subject: Subject) -> Finding:
    title, said = _title(rule), io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(said), redirect_stderr(said):
            warnings.simplefilter("ignore")
            observation = rule(subject)
    except (NotKeptError, ChashError, ContractError) as error:
        return Finding(title, ok=False, observation=str(error))
    except Exception as error:
        return Finding(title, ok=False, observation=f"{type(error).__name__} {_where(error)}: {_in_one_line(error)}")
    if said.getvalue():
        return Finding(title, ok=False, observation=f"printed {said.getvalue()[:60]!r}; a component must not print")
    return Finding(title, ok=True, observation=observation)


def expect(holds: bool | Tensor, otherwise: str) -> None:
    """Raise `NotKeptError` with this message unless the condition holds."""
    if not bool(holds):
        raise NotKeptError(otherwise)


def expect_equal(a: Tensor, b: Tensor, what: str, *, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    """Raise `NotKeptError` with the largest difference unless two tensors agree."""
    expect(a.shape == b.shape, f"{what}: shapes {tuple(a.shape)} and {tuple(b.shape)} differ")
    if not torch.allclose(a.double(), b.double(), rtol=rtol, atol=atol):
        at = (a.double() - b.double()).abs().flatten().argmax()
        raise NotKeptError(f"{what}: {a.flatten()[at].item():.6g} became {b.flatten()[at].item():.6g}")


def expect_finite(x: Tensor, what: str) -> None:
    """Raise `NotKeptError` with the number of nonfinite values unless all are finite."""
    odd = int((~x.isfinite()).sum())
    expect(odd == 0, f"{what} holds {odd} values that are NaN or infinite, of {x.numel()}")


def expect_gradient(x: Tensor, name: str) -> None:
    """Raise `NotKeptError` unless x has a finite gradient that is not 0 everywhere."""
    expect(x.grad is not None, f"no gradient reaches {name}: it is not part of the result, or detached from it")
    assert x.grad is not None
    expect_finite(x.grad, f"the gradient of {name}")
    expect(x.grad.abs().sum() > 0, f"the gradient of {name} is 0 everywhere")


def creation(subject: Subject) -> str:
    """It can be created; otherwise nothing else is tested."""
    subject.make()
    return subject.cls.__name__


def constructor(subject: Subject) -> str:
    """Parameters are keyword-only, have defaults, and are stored under their own names."""
    for name, p in inspect.signature(subject.cls).parameters.items():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            expect(subject.cls.__init__ is torch.nn.Module.__init__, f"'{p}' hides the parameters; write them out")
            continue
        expect(p.kind is p.KEYWORD_ONLY, f"parameter {name!r} is positional; write '*' before it in __init__")
        expect(p.default is not p.empty, f"parameter {name!r} has no default; a recipe may leave it out")
    made, given = subject.make(), parameters(subject.cls) | subject.params
    for name, value in given.items():
        expect(hasattr(made, name), f"parameter {name!r} is not stored; write self.{name} = {name} in __init__")
        kept = getattr(made, name)
        expect(_plain(kept) == _plain(value), f"self.{name} is {kept!r}, but {name}={value!r} was given")
    return f"{', '.join(f'{name}={value!r}' for name, value in given.items()) or 'no parameters'}"


def types(subject: Subject) -> str:
    """Every parameter declares its type, and its default has that type."""
    known = parameters(subject.cls)
    silent = [n for n, p in inspect.signature(subject.cls).parameters.items() if n in known and p.annotation is p.empty]
    expect(not silent, f"parameter {silent[0] if silent else ''!r} has no type, so type errors are not caught")
    try:
        check_params(subject.cls, known, "parameters")
    except ChashError as error:
        raise NotKeptError(f"the default does not fit its type: {error}") from error
    return f"{len(known)} parameters"


def argument(subject: Subject) -> str:
    """The value after a colon in the name sets an existing parameter."""
    key, known = getattr(subject.cls, "argument", None), parameters(subject.cls)
    expect(key is None or key in known, f"argument = {key!r} is not a parameter; it has {', '.join(known) or 'none'}")
    return f"NAME:VALUE sets {key}" if key else "no argument"


def docstring(subject: Subject) -> str:
    """The first line of the docstring describes it, as a sentence."""
    line = (subject.cls.__doc__ or "").strip().partition("\n")[0]
    expect(bool(line), "there is no docstring; 'chash list' shows its first line")
    expect(line.endswith("."), f"the first line is {line!r}; end it with a full stop")
    return line


def config(subject: Subject) -> str:
    """The result of config builds the same component again."""
    first = subject.make()
    again = subject.cls(**first.config())
    expect(again.config() == first.config(), f"{first.config()} became {again.config()}")
    return str(first.config())


RULES: tuple[Rule, ...] = (creation, constructor, types, argument, docstring, config)


def expect_untouched(run: Callable[[], object]) -> None:
    """Raise `NotKeptError` if the call seeds or changes global state of torch."""

    def shared() -> dict[str, object]:
        return {
            "the default type": torch.get_default_dtype(),
            "the default device": torch.get_default_device(),
            "whether gradients are recorded": torch.is_grad_enabled(),
            "the number of threads": torch.get_num_threads(),
            "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        }

    before, states = shared(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        run()
        states.append(torch.get_rng_state())
    for name, value in shared().items():
        expect(value == before[name], f"{name} was {before[name]} and is {value} afterwards")
    # From different seeds the generator arrives at the same state only if somebody has set it.
    expect(not torch.equal(*states), "the global random generator is seeded, which changes all other draws")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _in_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _where(error: Exception) -> str:
    """The last frame outside torch, such as `in similarity, line 12`."""
    trace, where = error.__traceback__, ""
    while trace is not None:
        if "/torch/" not in trace.tb_frame.f_code.co_filename:
            where = f"in {trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return where
