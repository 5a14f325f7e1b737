import io
import multiprocessing
import os
import pickle
import stat
import tarfile
import zipfile

import pytest

from crossmodal_hash.data import files as files_module
from crossmodal_hash.data.files import Folder, open_files, with_archives, with_mounted_archives
from crossmodal_hash.errors import DataError

CONTENTS = {"a.txt": b"alpha", "deep/b.txt": b"beta" * 1000}


def make_tar(path, contents, mode="w", prefix=""):
    with tarfile.open(path, mode) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def make_zip(path, contents, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(params=["folder", "tar", "tar from a dot", "tar.gz", "tgz", "zip", "stored zip"])
def store(request, tmp_path, write):
    kind = request.param
    if kind == "folder":
        return open_files(write(CONTENTS))
    if "zip" in kind:
        return open_files(
            make_zip(tmp_path / "x.zip", CONTENTS, zipfile.ZIP_STORED if "stored" in kind else zipfile.ZIP_DEFLATED)
        )
    suffix = kind.split()[0]
    mode = "w" if suffix == "tar" else "w:gz"
    return open_files(make_tar(tmp_path / f"x.{suffix}", CONTENTS, mode, "./" if "dot" in kind else ""))


def read_elsewhere(store, name, queue):
    queue.put(store.read(name))


def test_every_store_lists_finds_and_reads_its_files(store):
    assert store.names() == sorted(CONTENTS)
    assert {name: store.read(name) for name in store.names()} == CONTENTS
    assert "deep/b.txt" in store
    assert "b.txt" not in store


def test_every_store_can_be_narrowed_to_one_of_its_folders(store):
    below = store.under("deep")
    assert below.names() == ["b.txt"]
    assert "b.txt" in below
    assert below.read("b.txt") == CONTENTS["deep/b.txt"]


def test_a_zip_opened_here_can_be_read_after_a_fork_and_after_pickling(tmp_path):
    store = open_files(make_zip(tmp_path / "x.zip", CONTENTS))
    store.read("a.txt")
    # A spawned process would get this pickle.
    assert pickle.loads(pickle.dumps(store)).read("a.txt") == b"alpha"
    if hasattr(os, "fork"):
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=read_elsewhere, args=(store, "deep/b.txt", queue))
        process.start()
        assert queue.get(timeout=10) == CONTENTS["deep/b.txt"]
        process.join()
    assert store.read("a.txt") == b"alpha"


def test_the_temporary_form_of_a_compressed_tar_goes_with_it(tmp_path):
    store = open_files(make_tar(tmp_path / "x.tar.gz", CONTENTS, "w:gz"))
    plain = store.plain
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            files_module._remove_own(str(plain), os.getppid())
            os._exit(0)
        os.waitpid(child, 0)
    assert plain.exists()
    del store
    assert not plain.exists()


@pytest.mark.parametrize("name", ["../evil.txt", "/evil.txt", "a/../../evil.txt", "C:/evil.txt", "..\\evil.txt"])
@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_an_archive_with_a_name_that_leads_outside_is_refused(tmp_path, name, suffix):
    path = (make_tar if suffix == "tar" else make_zip)(tmp_path / f"x.{suffix}", {name: b"!"})
    with pytest.raises(DataError, match="leads outside"):
        open_files(path)


def test_a_name_that_only_looks_like_climbing_is_allowed(tmp_path):
    assert "a..b/c...txt" in open_files(make_tar(tmp_path / "x.tar", {"a..b/c...txt": b"!"}))


def test_a_folder_refuses_names_that_lead_outside(write):
    folder = open_files(write(CONTENTS))
    with pytest.raises(DataError, match="leads outside"):
        folder.read("../secret")


def test_links_in_archives_are_not_followed(tmp_path):
    path = make_tar(tmp_path / "x.tar", {"a.txt": b"alpha"})
    with tarfile.open(path, "a") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link{kind!r}")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert open_files(path).names() == ["a.txt"]
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        packed.writestr(link, "/etc/passwd")
    assert open_files(archive).names() == []


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "zip"])
def test_a_cut_archive_is_called_incomplete(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    contents = {"a.bin": os.urandom(5000), "b.bin": os.urandom(5000)}
    make_zip(path, contents) if suffix == "zip" else make_tar(path, contents, "w" if suffix == "tar" else "w:gz")
    path.write_bytes(path.read_bytes()[:7000])
    with pytest.raises(DataError, match=f"not a complete {suffix[:3]} archive"):
        open_files(path)


def test_a_tar_that_is_cut_after_it_was_opened_is_noticed(tmp_path):
    path = make_tar(tmp_path / "x.tar", CONTENTS)
    store = open_files(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"ends within 'deep/b.txt'"):
        store.read("deep/b.txt")


def test_a_damaged_zip_member_is_named(tmp_path):
    path = make_zip(tmp_path / "x.zip", {"a.txt": b"alpha"}, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"alpha", b"omega"))
    with pytest.raises(DataError, match=r"cannot read 'a.txt'.*CRC"):
        open_files(path).read("a.txt")


@pytest.mark.parametrize("suffix", ["tar", "zip"])
def test_a_file_larger_than_the_limit_is_not_read(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(files_module, "MAX_BYTES", 3999)
    store = open_files((make_tar if suffix == "tar" else make_zip)(tmp_path / f"x.{suffix}", CONTENTS))
    with pytest.raises(DataError, match="4000 bytes; the limit is 3999"):
        store.read("deep/b.txt")


def test_what_is_no_folder_or_archive_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        open_files(tmp_path / "none.zip")
    (tmp_path / "x.rar").write_bytes(b"")
    with pytest.raises(DataError, match=r"neither a folder nor an archive.*\.tar\.gz"):
        open_files(tmp_path / "x.rar")


def test_a_folder_follows_the_users_links_and_leaves_out_hidden_files(write, tmp_path):
    folder = write({"a.txt": b"", ".hidden": b"", ".git/x": b""})
    (tmp_path / "elsewhere.txt").write_bytes(b"far")
    (folder / "link.txt").symlink_to(tmp_path / "elsewhere.txt")
    assert open_files(folder).names() == ["a.txt", "link.txt"]
    assert open_files(folder).read("link.txt") == b"far"
    with pytest.raises(DataError, match="cannot read 'none'"):
        open_files(folder).read("none")


def test_archives_in_a_folder_are_opened_only_for_what_the_folder_lacks(write):
    folder = write({"a.txt": b"here", "broken.tar": b"not a tar"})
    assert isinstance(with_archives(Folder(folder), ["a.txt"]), Folder)
    (folder / "broken.tar").unlink()
    make_zip(folder / "more.zip", {"a.txt": b"there", "b.txt": b"beta"})
    both = with_archives(Folder(folder), ["a.txt", "b.txt"])
    assert (both.read("a.txt"), both.read("b.txt")) == (b"here", b"beta")
    assert {"a.txt", "b.txt"} <= set(both.names())
    assert "c.txt" not in both


def test_several_stores_and_folders_in_folders_can_be_narrowed(write, tmp_path):
    folder = write({"deep/a.txt": b"alpha"})
    make_zip(folder / "more.zip", {"deep/er/b.txt": b"beta"})
    deep = with_archives(Folder(folder), ["deep/a.txt", "deep/er/b.txt"]).under("deep")
    assert (deep.read("a.txt"), deep.read("er/b.txt")) == (b"alpha", b"beta")
    assert open_files(folder / "more.zip").under("deep").under("er").names() == ["b.txt"]


def test_an_archive_that_has_gone_is_named(tmp_path):
    path = make_tar(tmp_path / "x.tar", CONTENTS)
    store = open_files(path)
    path.unlink()
    with pytest.raises(DataError, match=r"cannot read 'a.txt' in '.*x.tar' \(No such file.*put it back"):
        store.read("a.txt")


def test_a_compressed_tar_that_grows_like_a_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files_module, "SMALL", 10_000)
    zeros = make_tar(tmp_path / "bomb.tar.gz", {"a.bin": bytes(3_000_000)}, "w:gz")
    with pytest.raises(DataError, match=r"unpacks to more than \d+, like a decompression bomb"):
        open_files(zeros)
    assert open_files(make_tar(tmp_path / "x.tar.gz", {"a.bin": os.urandom(50_000)}, "w:gz")).names() == ["a.bin"]
    monkeypatch.setattr(files_module, "MAX_UNPACKED", 40_000)
    with pytest.raises(DataError, match="like a decompression bomb"):
        open_files(tmp_path / "x.tar.gz")


def test_a_zip_member_that_grows_like_a_bomb_is_not_read(tmp_path, monkeypatch):
    store = open_files(make_zip(tmp_path / "x.zip", {"a.bin": bytes(3_000_000), "b.bin": os.urandom(9_000)}))
    assert len(store.read("a.bin")) == 3_000_000
    monkeypatch.setattr(files_module, "SMALL", 10_000)
    with pytest.raises(DataError, match=r"'a.bin' .* expands from \d+ to 3000000 bytes, like a decompression bomb"):
        store.read("a.bin")
    assert len(store.read("b.bin")) == 9_000


def test_a_zip_that_lies_about_a_size_is_refused(tmp_path):
    path = make_zip(tmp_path / "x.zip", {"a.bin": bytes(100_000)})
    content = path.read_bytes()
    path.write_bytes(content.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"cannot read 'a.bin'"):
        open_files(path).read("a.bin")


def test_stores_are_mounted_under_folders(write, tmp_path):
    folder = write({"a.txt": b"loose", "x/a.txt": b"in a folder"})
    make_zip(folder / "x.zip", {"b.txt": b"in a zip"})
    make_tar(folder / "y.tar", {"a.txt": b"in a tar"})
    both = with_mounted_archives(Folder(folder))
    assert {"x/a.txt", "x/b.txt", "y/a.txt", "a.txt"} <= set(both.names())
    assert [both.read(name) for name in ("a.txt", "x/a.txt", "x/b.txt", "y/a.txt")] == [
        b"loose", b"in a folder", b"in a zip", b"in a tar"
    ]  # fmt: skip
    assert both.under("y").read("a.txt") == b"in a tar"
    assert "z.txt" not in both
    with pytest.raises(DataError, match=r"cannot read 'z.txt'"):
        both.read("z.txt")
    assert isinstance(with_mounted_archives(Folder(folder / "x")), Folder)
