"""`chash evaluate`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal_hash.cli.options import OUTPUT, RUN, Json, NoTalk, RunFolder, check_level
from crossmodal_hash.cli.output import Output, print_error
from crossmodal_hash.errors import SettingsError

if TYPE_CHECKING:
    from crossmodal_hash.codes import Codes
    from crossmodal_hash.evaluation import Score
    from crossmodal_hash.metrics.protocol import RelevantBy
    from crossmodal_hash.report.result import Line

CODES, POLICY = "Codes without a run", "Metrics and policies"
COLUMNS = ("direction", "database", "metric", "queries", "items", "relevant", "expected", "low", "high", "stable",
           "random")  # fmt: skip


def evaluate(
    run: RunFolder = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,...",
            help="map@all (default), map@50, P@100, R@10, NDCG@100, radius@2, hit@1, median-rank, pr@radius/micro, ...",
            rich_help_panel=POLICY,
        ),
    ] = None,
    ties: Annotated[
        str | None,
        typer.Option(help="expected (default), stable, optimistic or pessimistic.", rich_help_panel=POLICY),
    ] = None,
    empty: Annotated[
        str,
        typer.Option(help="A query without relevant items counts as: zero, skip, one, error.", rich_help_panel=POLICY),
    ] = "zero",
    pairs: Annotated[
        bool, typer.Option("--pairs", help="The relevant items have the query's id.", rich_help_panel=POLICY)
    ] = False,
    folds: Annotated[
        int,
        typer.Option(
            min=1, help="With --pairs: equal parts that are ranked by themselves, such as 5.", rich_help_panel=POLICY
        ),
    ] = 1,
    qrels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Judgments of relevance, JSON or TSV.", rich_help_panel=POLICY),
    ] = None,
    real_valued: Annotated[
        bool,
        typer.Option("--real-valued", help="Rank by the codes before the sign as well.", rich_help_panel=POLICY),
    ] = False,
    asymmetric: Annotated[
        bool,
        typer.Option(
            "--asymmetric", help="Rank by queries before the sign against binary codes as well.", rich_help_panel=POLICY
        ),
    ] = False,
    interval: Annotated[
        float, typer.Option(metavar="LEVEL", help="Level of the bootstrap intervals.", rich_help_panel=POLICY)
    ] = 0.95,
    no_interval: Annotated[bool, typer.Option("--no-interval", help="No intervals.", rich_help_panel=POLICY)] = False,
    codes: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME=]FILE[:KEY]", help="Codes of one modality; repeatable.", rich_help_panel=CODES),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="Take ids, labels and split from RUN, which has the same items.", rich_help_panel=CODES
        ),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE[:KEY]",
            help="The item of each row of the codes NAME, or of 'queries' or 'database'; repeatable.",
            rich_help_panel=CODES,
        ),
    ] = None,
    texts_per_picture: Annotated[
        int | None,
        typer.Option(min=1, help="Rows of texts that follow each other for each picture.", rich_help_panel=CODES),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FILE[:KEY]", help="0/1 labels (N, C) of these codes.", rich_help_panel=CODES),
    ] = None,
    queries: Annotated[
        str | None, typer.Option(metavar="FILE[:KEY]", help="Codes of the queries.", rich_help_panel=CODES)
    ] = None,
    database: Annotated[
        str | None, typer.Option(metavar="FILE[:KEY]", help="Codes of the database.", rich_help_panel=CODES)
    ] = None,
    query_labels: Annotated[
        str | None, typer.Option(metavar="FILE[:KEY]", help="0/1 labels of the queries.", rich_help_panel=CODES)
    ] = None,
    database_labels: Annotated[
        str | None, typer.Option(metavar="FILE[:KEY]", help="0/1 labels of the database.", rich_help_panel=CODES)
    ] = None,
    bits: Annotated[int | None, typer.Option(help="Code length of packed matrices.", rich_help_panel=CODES)] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="Count on cpu (default), cuda, cuda:N, auto; and encode there (default: auto).",
            rich_help_panel=RUN,
        ),
    ] = None,
    fail_under: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=VALUE", help="Exit with 1 if below; repeatable.", rich_help_panel=OUTPUT),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the scores for 'chash compare'.", rich_help_panel=OUTPUT),
    ] = None,
    as_json: Json = False,
    quiet: NoTalk = False,
) -> None:
    """Score the codes of a run, or any codes files, in every direction.

    Without --metric: mAP over the whole ranking by shared labels, and the share of queries that find their own partner
    among the first ten, expected over ties and in database order, beside the score of codes without information. `all`
    is the papers' database, which includes the training items; `unseen` leaves them out. Partners are looked for among
    those of the queries (`query`) and among all items that were not trained on (`untrained`).
    """
    from crossmodal_hash.cli.codes import encoded, open_scored, read_file, read_files, with_ids, without_repeats
    from crossmodal_hash.codes import unpack
    from crossmodal_hash.evaluation import score, score_both, score_pair
    from crossmodal_hash.metrics import parse
    from crossmodal_hash.report.conventions import apart, conventions, known_labels, several, unified
    from crossmodal_hash.report.result import Record
    from crossmodal_hash.report.threshold import missed, read_threshold

    output = Output(as_json=as_json, quiet=quiet)
    thresholds = [read_threshold(text) for text in fail_under or []]
    metrics = [parse(name).name for given in metric or ["map@all"] for name in given.split(",")]
    metrics += [threshold.metric for threshold in thresholds]
    relevant = _relevance(pairs, qrels)
    level = None if no_interval else check_level(interval)
    rules: dict[str, Any] = {
        "ties": ties or "expected",
        "empty": empty,
        "relevant": relevant,
        "device": device or "cpu",
    }
    in_order = rules | {"ties": "stable"}
    sides = {"--queries": queries, "--database": database}
    _one_source(run, codes, sides)
    if like is not None and (codes is None or labels is not None):
        raise SettingsError(
            "--like gives the items of the matrices in --codes; use it with --codes, and without --labels"
        )
    if (ids or texts_per_picture) and not (codes or queries):
        raise SettingsError("--ids and --texts-per-picture are for codes without a run; the codes of a run have ids")
    if (real_valued or asymmetric) and (codes or queries):
        option = "--real-valued" if real_valued else "--asymmetric"
        raise SettingsError(
            f"{option} needs a run to compute the codes before the sign; codes files do not contain them"
        )

    more: dict[str, list[Score]] = {}
    said_of_codes: list[str] = []
    by_radius = any(parse(name).by_radius for name in metrics)
    both = metric is None and ties is None and not thresholds
    by_default = metric is None and relevant == "labels" and not thresholds and folds == 1
    if queries and database:
        asked = read_file(queries, query_labels or labels, bits)
        searched = read_file(database, database_labels or labels, bits)
        found = with_ids({"queries": asked, "database": searched}, ids or (), texts_per_picture)
        asked, searched = (without_repeats(found, output) if pairs else found).values()
        name = f"{queries} {database}"
        scores = [score_pair(asked, searched, metrics, folds=folds, **rules)]
        stable = [score_pair(asked, searched, metrics, folds=folds, **in_order)] if both else []
    else:
        reals = None
        if codes:
            found = read_files(codes, labels, bits, _of_run(like), ids or (), texts_per_picture)
            found, name = without_repeats(found, output) if pairs else found, " ".join(codes)
        else:
            from crossmodal_hash.runs.folder import read_codes

            opened = open_scored(run, output)
            name = opened.path.name
            encodes = real_valued or asymmetric
            found, reals = encoded(opened, device, output) if encodes else (read_codes(opened), None)
        every = score_both if by_default else partial(score, folds=folds)
        scores = every(found, metrics, **rules)
        stable = every(found, metrics, **in_order) if both else []
        if reals is not None and real_valued:
            more["real-valued"] = every(found, metrics, real=reals, **rules)
        if reals is not None and asymmetric:
            signs = {modality: unpack(c.packed, c.bits) for modality, c in found.items()}
            more["asymmetric"] = every(found, metrics, real=reals, against=signs, **rules)
        said_of_codes = [*several(found), *unified(found), *known_labels(found), *(apart(found) if by_radius else [])]

    record = Record(name, scores)
    if save is not None:
        record.save(save)
        output.say(f"scores saved in {save}")
    if both:
        rows, document = tabulate(scores, stable, level)
        columns: Sequence[str] = COLUMNS
    else:
        columns, rows, document = _list(record.lines(level))
    for how, others in more.items():
        values = [line.value for line in Record(name, others).lines(None)]
        columns, rows = (*columns, how), [(*row, v) for row, v in zip(rows, values, strict=True)]
        key = how.replace("-", "_")
        document = [line | {key: value} for line, value in zip(document, values, strict=True)]
    curves = _curves(scores)
    if curves:
        document = [*document, *curves]
    output.table(columns, rows, document, title=name, names=False)
    for note in [*conventions(scores, level), *said_of_codes]:
        output.say(note)
    if curves and not as_json:
        output.say("the table shows no curves; use --json for their points, or 'chash report' to draw them")
    too_low = missed(scores, thresholds)
    for sentence in too_low:
        print_error(sentence)
    if too_low:
        raise typer.Exit(1)


def tabulate(
    expected: list[Score], stable: list[Score], level: float | None = 0.95
) -> tuple[list[tuple[Any, ...]], list[dict[str, Any]]]:
    """Rows for a table and the same as data: each score in both orders of ties."""
    from crossmodal_hash.report.result import Record

    rows, document = [], []
    for mean, ordered in zip(Record("", expected).lines(level), Record("", stable).lines(None), strict=True):
        scores = (mean.value, mean.low, mean.high, ordered.value, mean.random)
        row = (mean.direction, mean.database, mean.metric, mean.queries, mean.items, mean.relevant_pairs, *scores)
        rows.append(row)
        document.append(asdict(mean) | dict(zip(COLUMNS, row, strict=True)) | {"interval": level})
    return rows, document


def _list(lines: Iterable[Line]) -> tuple[Sequence[str], list[tuple[Any, ...]], list[dict[str, Any]]]:
    columns = ("direction", "database", "metric", "value", "low", "high", "random", "queries", "items", "relevant")
    found = list(lines)
    rows = [
        (x.direction, x.database, x.metric, x.value, x.low, x.high, x.random, x.queries, x.items, x.relevant_pairs)
        for x in found
    ]
    return columns, rows, [asdict(line) for line in found]


def _curves(scores: list[Score]) -> list[dict[str, Any]]:
    return [
        {"direction": s.direction, "database": s.database, "metric": name}
        | {key: getattr(curve, key).tolist() for key in ("at", "precision", "recall")}
        for s in scores
        for name, curve in s.result.curves.items()
    ]


def _of_run(path: Path | None) -> dict[str, Codes] | None:
    if path is None:
        return None
    from crossmodal_hash.runs.folder import open_run, read_codes

    return read_codes(open_run(path))


def _relevance(pairs: bool, qrels: Path | None) -> RelevantBy:
    from crossmodal_hash.metrics import read_qrels

    if pairs and qrels is not None:
        raise SettingsError("--pairs and --qrels exclude each other; choose one of them")
    return "pairs" if pairs else "labels" if qrels is None else read_qrels(qrels)


def _one_source(run: Path | None, codes: list[str] | None, sides: dict[str, str | None]) -> None:
    given = [name for name, value in (("RUN", run), ("--codes", codes), ("--queries", any(sides.values()))) if value]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} exclude each other; score one after the other")
    missing = [name for name, value in sides.items() if value is None]
    if len(missing) == 1:
        raise SettingsError(f"{missing[0]} is missing; give --queries and --database together")
