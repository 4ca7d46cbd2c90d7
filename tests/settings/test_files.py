import gc
import os
import socket
from pathlib import Path

import pytest

from surgeproof.settings.errors import DocumentError
from surgeproof.settings.files import open_regular, read_bytes

OPEN = Path("/proc/self/fd")


def refusal(path, **options):
    with pytest.raises(DocumentError) as refused:
        read_bytes(path, 100, **options)
    return str(refused.value)


def test_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100)

    assert read_bytes(tmp_path / "a", 100) == b"x" * 100
    assert (
        refusal(tmp_path / "a" / "b")
        == f"{tmp_path}/a/b: must be a readable file, got Not a directory"
    )


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))

    assert refusal(tmp_path) == f"{tmp_path}: must be a regular file, got a directory"
    assert refusal(tmp_path / "none") == f"{tmp_path}/none: must be a file, got none"
    assert refusal(tmp_path / "fifo").endswith("fifo: must be a regular file, got a pipe")
    assert refusal(tmp_path / "fifo", pipes=True).endswith("must be a regular file, got a pipe")
    assert refusal("/dev/zero") == "/dev/zero: must be a regular file, got a device"
    assert "must be a readable file, got" in refusal(tmp_path / "loop")
    assert "must be a readable file, got" in refusal(tmp_path / "socket")
    assert "must be a readable file, got File name too long" in refusal(tmp_path / ("x" * 300))
    assert refusal("a\0b") == r"path: must be a path that can exist, got 'a\x00b'"
    assert refusal("a\ud800b") == r"path: must be a path that can exist, got 'a\ud800b'"


def test_a_file_without_permission(tmp_path, monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    assert (
        refusal(tmp_path / "a") == f"{tmp_path}/a: must be a readable file, got Permission denied"
    )


def test_the_pipe_of_a_command_is_read_where_pipes_will_do():
    reading, writing = os.pipe()
    os.write(writing, b"abc")
    os.close(writing)

    assert read_bytes(f"/dev/fd/{reading}", 100, pipes=True) == b"abc"
    assert refusal(f"/dev/fd/{reading}") == f"/dev/fd/{reading}: must be a regular file, got a pipe"


def test_no_file_stays_open(tmp_path):
    gc.collect()  # what other tests left open is none of this one's
    before = len(list(OPEN.iterdir()))

    with pytest.raises(DocumentError):
        open_regular(tmp_path)

    assert len(list(OPEN.iterdir())) == before
