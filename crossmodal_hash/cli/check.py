"""`chash check`: the conformance kit, for plug-ins or built-in components."""

from __future__ import annotations

from typing import Annotated

import typer

from crossmodal_hash.cli.options import Json, Quiet
from crossmodal_hash.cli.output import Output


def check(
    kind: Annotated[
        str | None,
        typer.Argument(help="backbone, fusion, criterion (sim), loss, reader or engine. Default: all plug-ins."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME[,KEY=VALUE...]]", help="A name from 'chash list'. Default: all of the kind."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check that components follow the rules of their kind; exit code 1 if one does not.

    Without arguments, every component of an installed plug-in is checked, if its kind has rules.
    """
    from dataclasses import asdict

    from crossmodal_hash.components import KINDS, registry_of
    from crossmodal_hash.registry import BUILT_IN
    from crossmodal_hash.settings.flags import parse_part
    from crossmodal_hash.testing import RULES
    from crossmodal_hash.testing import check as findings_of

    output = Output(as_json=as_json, quiet=quiet)
    if kind is None:
        found = [(k, f.name) for k in RULES for f in KINDS[k].found() if f.origin != BUILT_IN]
    elif name is None:
        found = [(registry_of(kind).kind, each) for each in registry_of(kind)]
    else:
        found = [(registry_of(kind).kind, name)]
    rows, document = [], []
    without = [f"{k} {f.name}" for k in KINDS if k not in RULES for f in KINDS[k].found() if f.origin != BUILT_IN]
    if kind is None and without:
        output.say(f"not checked: {', '.join(without)}; only these kinds have rules: {', '.join(RULES)}")
    for of, each in dict.fromkeys(found):
        params = parse_part(each)
        findings = findings_of(of, params.pop("name"), **params)
        broken = sum(not finding.ok for finding in findings)
        output.say(f"{of} {each}: {len(findings) - broken} rules kept, {broken} broken")
        rows += [(f"{of} {each}", "ok" if f.ok else "BROKEN", f.rule, f.observation) for f in findings]
        document += [{"kind": of, "name": each, **asdict(f)} for f in findings]
    if not found and not without:
        output.say(
            "no plug-in is installed; try 'chash check criterion' for built-in criteria, or 'chash check loss graph'"
        )
    # Names alone are of use only where something is wrong.
    shown = [row for row in rows if row[1] != "ok"] if quiet else rows
    output.table(("component", "result", "rule", "observation"), shown, document)
    if any(row[1] != "ok" for row in rows):
        raise typer.Exit(1)
