"""The one door to an index: which engine made it, or is to make it, and whether codes can be compared with it."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from crossmodal_hash.codes import Codes
from crossmodal_hash.components import ENGINES
from crossmodal_hash.engines.address import refuse_password
from crossmodal_hash.engines.answers import Searchable
from crossmodal_hash.engines.engine import Content, Engine
from crossmodal_hash.engines.store import read_catalog
from crossmodal_hash.errors import BrokenPluginError, CodesError, SettingsError, UnknownComponentError
from crossmodal_hash.settings.flags import read_part
from crossmodal_hash.settings.parts import make
from crossmodal_hash.settings.schema import Named


def read_engine(text: str | None) -> Named | None:
    """Name and parameters of an engine as a command has them, `faiss,kind=ivf,nprobe=64`.

    Raises:
        SettingsError: if it is written otherwise.
    """
    return None if text is None else read_part(text)


def create_index(where: str, like: Codes, engine: Named | None = None) -> Engine:
    """A new index for codes of some kind, without items.

    Args:
        where: a new folder, or the address of a server.
        like: codes of that kind.
        engine: name and parameters; None: the one that has such addresses, `scan` for a folder.

    Raises:
        CodesError: if something is there, or it cannot be written.
        SettingsError: for an engine that does not have such addresses, or a wrong parameter.
    """
    refuse_password(where)
    named = engine or Named(name=_by_address(where) or "scan")
    made = make(ENGINES, named, "--engine")
    if made.addresses and not _fits(made.addresses, where):
        raise SettingsError(f"{where} is no address of the engine {named.name}; give {' or '.join(made.addresses)}")
    if not made.addresses and "://" in where:
        raise SettingsError(f"the engine {named.name} keeps a folder, and {where} is not one; give a path")
    document = {"name": ENGINES.find(named.name).name, **made.config()}
    return made.create(where, Content(like.bits, like.modality, like.fingerprint, document))


def open_index(where: str, engine: Named | None = None) -> Engine:
    """The index that is there.

    Args:
        where: its folder or address.
        engine: its engine, with parameters of a search in place of those that it was built with.

    Raises:
        CodesError: if there is none, or it cannot be read.
        UnknownComponentError: if its engine is not installed.
        SettingsError: for another engine, or a parameter that is fixed when an index is built.
    """
    opened = _open(where)
    if engine is not None:
        try:
            _change_search(opened, engine, where)
        except BaseException:
            opened.close()
            raise
    return opened


def _open(where: str) -> Engine:
    refuse_password(where)
    folder = Path(where)
    if (name := None if folder.is_dir() else _by_address(where)) is not None:
        made: Engine = ENGINES.make(name)
        return made.open(where)
    engine = read_catalog(folder).get("content", {}).get("engine", {})
    try:
        return make(ENGINES, Named(**engine), f"the engine of {where}").open(where)
    except (TypeError, ValueError, UnknownComponentError) as error:
        raise CodesError(f"{where} was made by the engine {engine!r}, which is not there: {error}") from error


def _change_search(opened: Engine, asked: Named, where: str) -> None:
    built, given, before = opened.content.engine["name"], asked.params(), opened.config()
    if (name := ENGINES.find(asked.name).name) != built:
        raise SettingsError(f"{where} was built by the engine {built}, not {name}; give --engine {built}")
    allowed = opened.search_parameters
    fixed = [key for key in given if key in before and key not in allowed and given[key] != before[key]]
    if fixed:
        raise SettingsError(
            f"{', '.join(fixed)} of {where} cannot be changed by a search, "
            + (f"which takes {', '.join(allowed)}" if allowed else "which takes no parameter here")
            + "; build another index"
        )
    changed = make(ENGINES, Named(name=built, **{**before, **given}), "--engine")
    for key in given:
        setattr(opened, key, getattr(changed, key))


def check_comparable(index: Searchable, codes: Codes, name: str) -> None:
    """Refuse codes that cannot be compared with those of an index.

    Args:
        index: what is searched.
        codes: queries, or what is to be added.
        name: what to call the index.

    Raises:
        CodesError: naming what differs.
    """
    content = index.content
    if codes.bits != content.bits:
        raise CodesError(f"these codes have {codes.bits} bits, but {name} {content.bits}; encode both with one run")
    if codes.fingerprint and content.fingerprint and codes.fingerprint != content.fingerprint:
        raise CodesError(
            f"these codes are of the model {codes.fingerprint}, but {name} of {content.fingerprint}; encode both with "
            "one run"
        )


def _by_address(where: str) -> str | None:
    """The engine with such addresses; a broken plug-in has none."""
    for name in ENGINES:
        try:
            if _fits(ENGINES.resolve(name).addresses, where):
                return name
        except BrokenPluginError:
            continue
    return None


def _fits(addresses: tuple[str, ...], where: str) -> bool:
    return any(fnmatch(where.partition("#")[0], pattern) for pattern in addresses)
