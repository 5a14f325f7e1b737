import os

from crossmodal_hash.training import resources


def test_a_container_has_what_its_limit_leaves(tmp_path, monkeypatch):
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("1000000\n")
    used.write_text("400000\n")
    monkeypatch.setattr(resources, "GROUPS", [(limit, used)])
    assert resources.available_memory() == 600_000


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path, monkeypatch):
    limit, used = tmp_path / "memory.max", tmp_path / "memory.current"
    limit.write_text("max\n")
    used.write_text("400000\n")
    monkeypatch.setattr(resources, "GROUPS", [(limit, used), (tmp_path / "none", tmp_path / "none")])
    assert resources.available_memory() > 10_000_000


def test_what_a_system_does_not_tell_is_unknown(tmp_path, monkeypatch):
    """As Windows, which has neither /proc nor sysconf."""
    monkeypatch.setattr(resources, "Path", lambda name: tmp_path / name.lstrip("/"))
    monkeypatch.setattr(resources, "GROUPS", [])
    monkeypatch.delattr(os, "sysconf")
    monkeypatch.delattr(os, "sysconf_names")
    assert resources.available_memory() is None


def test_a_container_that_uses_more_than_its_limit_has_nothing(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("1001\n")
    monkeypatch.setattr(resources, "GROUPS", [(tmp_path / "memory.max", tmp_path / "memory.current")])
    assert resources.available_memory() == 0


def test_a_system_without_proc_has_all_its_pages(tmp_path, monkeypatch):
    """As macOS."""
    pages = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(resources, "Path", lambda name: tmp_path / name.lstrip("/"))
    monkeypatch.setattr(resources, "GROUPS", [])
    monkeypatch.setattr(os, "sysconf", pages.__getitem__, raising=False)
    monkeypatch.setattr(os, "sysconf_names", pages, raising=False)
    assert resources.available_memory() == 4_096_000
