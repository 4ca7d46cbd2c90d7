"""Files are whole or not there, and nothing is removed that is not ours."""

import ast
import errno
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from surgeproof import files

ROOT = Path(__file__).parents[1]
OLD = time.time() - 2 * files.UNLOCKED_SECONDS


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_a_file_is_written_with_what_umask_leaves(tmp_path):
    files.write_text(tmp_path / "new", "text\n")

    assert (tmp_path / "new").read_text() == "text\n"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~umask()
    assert names(tmp_path) == ["new"]


def umask():
    now = os.umask(0)
    os.umask(now)
    return now


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    (tmp_path / "old").write_text("old")
    (tmp_path / "old").chmod(0o640)

    files.write_text(tmp_path / "old", "new")

    assert (tmp_path / "old").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o640


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path, monkeypatch, code):
    (tmp_path / "kept").write_text("old")

    def full(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        files.write_text(tmp_path / "kept", "new")

    assert caught.value.filename == str(tmp_path / "kept")
    assert (tmp_path / "kept").read_text() == "old"
    assert names(tmp_path) == ["kept"]


def test_a_write_that_fails_half_way_leaves_the_old_file(tmp_path):
    (tmp_path / "kept").write_text("old")

    def write_half():
        with files.whole(tmp_path / "kept") as stream:
            stream.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert (tmp_path / "kept").read_text() == "old"
    assert names(tmp_path) == ["kept"]


def test_an_error_names_the_file_that_the_user_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        files.write_text(tmp_path / "absent" / "report.html", "text")

    assert caught.value.filename == str(tmp_path / "absent" / "report.html")


def test_the_longest_name_can_be_written(tmp_path):
    longest = tmp_path / ("n" * 255)

    files.write_text(longest, "text")

    assert longest.read_text() == "text"


def test_output_goes_where_a_link_points_and_the_link_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "page").write_text("old")
    (tmp_path / "page").symlink_to("real/page")

    files.write_text(tmp_path / "page", "new")

    assert (tmp_path / "page").is_symlink()
    assert (tmp_path / "real" / "page").read_text() == "new"


def test_a_link_in_the_place_of_our_file_is_replaced_and_its_target_kept(tmp_path):
    (tmp_path / "diary").write_text("mine")
    (tmp_path / "record").symlink_to("diary")

    files.write_text(tmp_path / "record", "ours", ours=True)

    assert (tmp_path / "diary").read_text() == "mine"
    assert not (tmp_path / "record").is_symlink()


def test_a_pipe_gets_the_text_and_stays_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True) as reader:
        files.write_text(tmp_path / "pipe", "text")

        assert reader.communicate(timeout=10)[0] == "text"
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_the_null_device_stays_one():
    files.write_text(Path(os.devnull), "text")

    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_file_in_a_directory_that_may_not_be_changed_is_written_in_place(tmp_path, monkeypatch):
    (tmp_path / "mounted").write_text("a longer old text")

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "temporary")

    monkeypatch.setattr(files, "_new_file", refused)
    files.write_text(tmp_path / "mounted", "new")

    assert (tmp_path / "mounted").read_text() == "new"


def test_a_file_that_is_mounted_singly_is_written_in_place(tmp_path, monkeypatch):
    (tmp_path / "mounted").write_text("a longer old text")

    def busy(*_):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    files.write_text(tmp_path / "mounted", "new")

    assert (tmp_path / "mounted").read_text() == "new"
    assert names(tmp_path) == ["mounted"]


WRITER = """
import sys, time
from pathlib import Path
from surgeproof import files

def work(place):
    print("working", flush=True)
    time.sleep(60)

if sys.argv[1] == "file":
    with files.whole(Path(sys.argv[2], "big")) as stream:
        stream.write(b"half")
        work(stream)
else:
    with files.new_directory(Path(sys.argv[2])) as made:
        (made / "half").write_text("half")
        work(made)
"""


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_a_killed_process_left_goes_and_a_living_one_s_stays(tmp_path, kind):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, kind, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as writer:
        writer.stdout.readline()
        (left,) = tmp_path.iterdir()
        os.utime(left, (OLD, OLD))

        files.sweep(tmp_path)
        assert left.exists()

        writer.send_signal(signal.SIGKILL)
        writer.wait()
        files.sweep(tmp_path)
        assert names(tmp_path) == []


def test_the_next_output_in_a_directory_removes_what_a_killed_one_left(tmp_path):
    left = tmp_path / f".surgeproof-{'0' * 16}.tmp"
    left.touch()
    os.utime(left, (OLD, OLD))

    files.write_text(tmp_path / "page", "text")

    assert names(tmp_path) == ["page"]


def test_what_only_looks_like_ours_stays(tmp_path):
    digits = "0" * 16
    (tmp_path / f".surgeproof-{digits}.tmp").mkdir()  # no file
    (tmp_path / f".surgeproof-{digits}.new").touch()  # no directory
    (tmp_path / f".surgeproof-{'1' * 16}.tmp").symlink_to(".")
    for name in (".surgeproof-notes.tmp", f"surgeproof-{digits}.tmp", f".surgeproof-{digits}.tmp~"):
        (tmp_path / name).touch()
    (tmp_path / f".surgeproof-{'2' * 16}.tmp").touch()  # made just now
    before = names(tmp_path)
    for path in tmp_path.iterdir():
        if "2222" not in path.name:
            os.utime(path, (OLD, OLD), follow_symlinks=False)

    files.sweep(tmp_path)

    assert names(tmp_path) == before


def test_removing_follows_no_link(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary").touch()
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "link").symlink_to(tmp_path / "mine")
    (tmp_path / "link").symlink_to(tmp_path / "mine")

    assert files.remove(tmp_path / "ours") == []
    assert files.remove(tmp_path / "link") == []

    assert names(tmp_path) == ["mine"]
    assert names(tmp_path / "mine") == ["diary"]


@pytest.mark.parametrize("make", ["directory", "link", "pipe"])
def test_what_is_no_regular_file_is_not_read(tmp_path, make):
    place = tmp_path / "record"
    {
        "directory": place.mkdir,
        "link": lambda: place.symlink_to("elsewhere"),
        "pipe": lambda: os.mkfifo(place),
    }[make]()

    with pytest.raises(OSError, match="record"):
        files.read_bytes(place)


def test_a_log_keeps_its_end_in_whole_lines(tmp_path):
    log = tmp_path / "log"
    log.write_text("".join(f"line {number:04}\n" for number in range(1000)))

    with log.open("a") as writer:
        files.trim(log, 5000)
        writer.write("after\n")

    kept = log.read_text().splitlines()
    assert kept[0] == "line 0751"
    assert kept[-2:] == ["line 0999", "after"]


def test_a_short_log_stays(tmp_path):
    (tmp_path / "log").write_text("line\n")

    files.trim(tmp_path / "log", 5000)

    assert (tmp_path / "log").read_text() == "line\n"


OF_MODULES = {
    "os": {"remove", "unlink", "rename", "replace", "truncate", "rmdir", "removedirs", "renames"},
    "shutil": {"rmtree", "move", "copy", "copy2", "copyfile", "copytree"},
    "tempfile": {"mkstemp", "mkdtemp", "NamedTemporaryFile"},
}
OF_PATHS = {"unlink", "rename", "rmdir", "write_text", "write_bytes", "touch", "truncate"}
ELSEWHERE = {
    "surgeproof/simulation/compiled/_compile.py": {"unlink", "rmdir"},
    "surgeproof/emulator/engine.py": {"open", "rename"},
    "surgeproof/emulator/release.py": {"open", "unlink"},
    "surgeproof/emulator/run_directory.py": {"rename", "rmdir"},
    "surgeproof/incident/bundle.py": {"open", "rename"},
}
"""What else removes, renames or writes, in directories of ours; each has its test."""


def changing(tree):
    """The calls in a piece of code that write, rename or remove a file."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        module = called.value.id if _is_plain_attribute(called) else ""
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        if module == "files":
            continue
        is_path_replace = name == "replace" and len(node.args) == 1 and not node.keywords
        writes = name == "open" and any(set(_mode(node)) & set("wax+"))
        if name in OF_MODULES.get(module, ()) or name in OF_PATHS or is_path_replace or writes:
            yield name


def _is_plain_attribute(called):
    return isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name)


def _mode(call):
    stated = [*call.args[:2], *(each.value for each in call.keywords if each.arg == "mode")]
    texts = [each.value for each in stated if isinstance(each, ast.Constant)]
    return [each for text in texts if isinstance(text, str) and len(text) <= 3 for each in text]


def test_files_are_written_and_removed_in_one_place():
    found = {
        str(file.relative_to(ROOT)): set(changing(ast.parse(file.read_text())))
        for room in ("components", "policies", "surgeproof")
        for file in sorted((ROOT / room).rglob("*.py"))
        if file != Path(files.__file__)
    }

    assert {file: calls for file, calls in found.items() if calls} == ELSEWHERE
