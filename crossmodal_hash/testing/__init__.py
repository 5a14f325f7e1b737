"""The conformance kit: the rules that every component follows, as functions that a plug-in's own tests can run.

Each rule reports what it observed, with values; nothing here needs pytest. `chash check` runs the same functions.
"""

from __future__ import annotations

from typing import Any

from crossmodal_hash.components import registry_of
from crossmodal_hash.contracts import Component
from crossmodal_hash.data import Reader
from crossmodal_hash.engines.engine import Engine
from crossmodal_hash.errors import BrokenPluginError, UnknownComponentError
from crossmodal_hash.testing import backbone, common, criterion, engine, fusion, loss, reader
from crossmodal_hash.testing.common import Finding as Finding
from crossmodal_hash.testing.common import Subject, judge

RULES = {
    kind: (*common.RULES, *own.RULES)
    for kind, own in {
        "backbone": backbone,
        "fusion": fusion,
        "criterion": criterion,
        "loss": loss,
        "reader": reader,
        "engine": engine,
    }.items()
}
"""Kind -> its rules, in the order in which they are tried."""


def check(kind: str, component: str | type[Component] | type[Reader] | type[Engine], /, **params: Any) -> list[Finding]:
    """Try every rule of a kind on a component.

    Args:
        kind: backbone, fusion, criterion, loss, reader or engine.
        component: a registry name, or the class.
        params: constructor parameters other than the defaults.

    Returns:
        One finding per rule; a component that cannot be loaded gets one finding that says why.

    Raises:
        UnknownComponentError: for an unknown kind or name.
        SettingsError: for a parameter that the component does not have.

    Example:
        >>> all(finding.ok for finding in check("criterion", "hard"))
        True
    """
    registry = registry_of(kind)
    if registry.kind not in RULES:
        raise UnknownComponentError("kind with rules", kind, RULES, see="chash check --help")
    if isinstance(component, str):
        registry.find(component)
        try:
            component, params = registry.taking(component, params)
        except BrokenPluginError as error:
            return [Finding("it can be loaded", ok=False, observation=str(error))]
    if registry.kind == "backbone":
        params = backbone.light(component) | params
    return list(judge(Subject(component, params), RULES[registry.kind]))


def assert_conforms(
    kind: str, component: str | type[Component] | type[Reader] | type[Engine], /, **params: Any
) -> None:
    """Raise AssertionError with every broken rule; parameters as for `check`.

    Example:
        >>> assert_conforms("loss", "pairwise-nll", slope="half")
    """
    findings = check(kind, component, **params)
    broken = [f"{finding.rule}: {finding.observation}" for finding in findings if not finding.ok]
    if broken:
        raise AssertionError(f"{component} breaks {len(broken)} rules of a {kind}:\n" + "\n".join(broken))
