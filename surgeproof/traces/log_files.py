"""A load balancer's log files, local or in a bucket, read as a stream of whole lines.

Whatever a file holds, memory and time are bounded: one line, the size of a file, and how many times
its packed size a gzip file unpacks to.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from surgeproof.settings.errors import listed
from surgeproof.traces.errors import RowCounter, Said, TraceError, opened

PIECE_BYTES: Final = 1024 * 1024
"""How much of a log is read at a time (bytes, packed or not)."""

LINE_BYTES_MAX: Final = 256 * 1024
"""Longest line that is read (bytes); a longer one is bad."""

FILE_BYTES_MAX: Final = 16 * 1024**3
"""Largest file that is read (bytes, unpacked). Load balancers write one every five minutes."""

RATIO_MAX: Final = 200
"""Times its packed size that a gzip file may unpack to. Access logs take some fifteenth."""

RATIO_FREE_BYTES: Final = 64 * 1024 * 1024
"""Unpacked size up to which the ratio does not matter (bytes)."""

FILES_MAX: Final = 2_000_000
"""Most files that are looked at (files); a year of twenty nodes."""

_SLICE_BYTES: Final = 16 * 1024
"""How much is unpacked at a time (bytes, packed): what follows a gzip member is copied, so that
thousands of tiny members in a large piece would take for ever."""

_FILE: Final = re.compile(
    r"\d{12}_elasticloadbalancing_[^_]+_(.+)_\d{8}T\d{4}Z_[^_]+_[^_]+\.log(\.gz)?"
)
_OTHER_LOGS: Final = ("conn_log", "health_check_log")


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file, and what gives its bytes."""

    place: str
    pieces: Callable[[], Iterator[bytes]]

    @property
    def name(self) -> str:
        """Its name without directories."""
        return PurePosixPath(self.place).name


def find(source: str, s3: Any) -> list[LogFile]:
    """Return the files of a directory, a pattern or a prefix in a bucket."""
    found: list[LogFile] = []
    for file in _find_in_bucket(source, s3) if source.startswith("s3://") else _find(source):
        found.append(file)
        if len(found) > FILES_MAX:
            raise TraceError(source, f"have at most {FILES_MAX:,} files", Said("more"))
    return found


def _find(source: str) -> Iterator[LogFile]:
    path = Path(source)
    try:
        if path.is_dir():
            paths = sorted(found for found in path.rglob("*") if found.is_file())
        elif path.exists():
            paths = [path]
        else:
            # Path.glob follows no links in `**`, which may lead in circles; it takes no absolute
            # patterns.
            below = str(path.relative_to(path.anchor))
            paths = sorted(each for each in Path(path.anchor).glob(below) if each.is_file())
    except (OSError, ValueError, NotImplementedError, RecursionError) as error:
        got = getattr(error, "strerror", None) or str(error)
        raise TraceError(source, "be a path or a pattern that can be read", Said(got)) from error
    for file in paths:
        yield LogFile(str(file), lambda file=file: _local(file))  # type: ignore[misc]


def _local(path: Path) -> Iterator[bytes]:
    try:
        with opened(path) as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise TraceError(str(path), "be readable", Said(error.strerror or str(error))) from error


def _find_in_bucket(source: str, s3: Any) -> Iterator[LogFile]:
    if s3 is None:
        raise TraceError("s3", f"be a boto3 client of S3 to read {source}", s3)
    bucket, _, prefix = source.removeprefix("s3://").partition("/")
    if not bucket:
        raise TraceError("source", "be s3://<bucket>/<prefix>", source)
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                key = found["Key"]
                yield LogFile(
                    f"s3://{bucket}/{key}",
                    lambda key=key: _from_bucket(s3, bucket, key),  # type: ignore[misc]
                )
    except (ClientError, BotoCoreError) as error:
        raise TraceError(source, "be readable", Said(str(error))) from error


def _from_bucket(s3: Any, bucket: str, key: str) -> Iterator[bytes]:
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        with body:
            yield from body.iter_chunks(PIECE_BYTES // 4)
    except (ClientError, BotoCoreError) as error:
        raise TraceError(f"s3://{bucket}/{key}", "be readable", Said(str(error))) from error


def chosen(
    found: list[LogFile], source: str, load_balancer: str | None
) -> tuple[list[LogFile], int]:
    """Return the access logs of one load balancer, and how many other files there are."""
    if not found:
        raise TraceError(
            source, "be a file, a directory, a pattern or a prefix with files", Said("none")
        )
    logs = found
    if len(found) > 1 or source.startswith("s3://"):
        # A bucket also holds ELBAccessLogTestFile, and other kinds of logs under the same prefix.
        logs = [
            file
            for file in found
            if file.name.endswith((".log", ".gz")) and not file.name.startswith(_OTHER_LOGS)
        ]
    if not logs:
        raise TraceError(source, "hold files named *.log or *.gz", Said(f"{len(found):,} others"))
    owners = {file.place: _owner(file.name) for file in logs}
    if load_balancer is not None:
        # A file whose name does not tell may hold entries of it.
        logs = [
            file
            for file in logs
            if owners[file.place] is None or is_named(owners[file.place], load_balancer)
        ]
        if not logs:
            known = listed(sorted({owner for owner in owners.values() if owner}))
            raise TraceError("load_balancer", f"be one that {source} has ({known})", load_balancer)
    several = sorted({owner for file in logs if (owner := owners[file.place])})
    if len(several) > 1:
        rule = "be the logs of one load balancer, or load_balancer name one"
        raise TraceError(source, rule, Said(listed(several)))
    return logs, len(found) - len(logs)


def _owner(name: str) -> str | None:
    match = _FILE.fullmatch(name)
    return match[1] if match else None


def is_named(owner: str | None, load_balancer: str) -> bool:
    """Whether a file's or an entry's load balancer is the one that a user names."""
    if owner is None:
        return False
    named, wanted = (each.replace("/", ".") for each in (owner, load_balancer))
    return named == wanted or named.split(".")[1:2] == [wanted]


def whole_lines(file: LogFile, counter: RowCounter) -> Iterator[tuple[int, bytes]]:
    """Yield the file's lines, many at a time, with the number of the first one.

    A line that is too long is noted as a bad one.
    """
    rest, line, too_long = b"", 1, False
    for piece in _unpacked(file):
        cut = piece.rfind(b"\n") + 1
        whole, rest = (rest + piece[:cut], piece[cut:]) if cut else (b"", rest + piece)
        if too_long and whole:
            # The end of a line that was given up.
            whole = whole[whole.index(b"\n") + 1 :]
            line, too_long = line + 1, False
        if whole:
            yield line, whole
            line += whole.count(b"\n")
        if len(rest) > LINE_BYTES_MAX:
            if not too_long:
                counter.rows += 1
                rule = f"have at most {LINE_BYTES_MAX:,} bytes"
                counter.note(f"{file.place}:{line}", rule, rest)
            rest, too_long = b"", True
    if rest and not too_long:
        yield line, rest + b"\n"


def _unpacked(file: LogFile) -> Iterator[bytes]:
    """Yield the file's bytes, unpacked if they are gzip, in pieces of about PIECE_BYTES."""
    packed, size, held, waiting = 0, 0, [b""], 0
    for piece, data in _parts(file):
        packed += piece
        size += len(data)
        if size > FILE_BYTES_MAX:
            raise TraceError(file.place, f"hold at most {FILE_BYTES_MAX:,} bytes", Said("more"))
        if size > max(RATIO_FREE_BYTES, RATIO_MAX * packed):
            rule = f"unpack to at most {RATIO_MAX} times its size"
            raise TraceError(file.place, rule, Said(f"{size / packed:,.0f} times or more"))
        held.append(data)
        waiting += len(data)
        if waiting >= PIECE_BYTES:
            yield b"".join(held)
            held, waiting = [], 0
    yield b"".join(held)


def _parts(file: LogFile) -> Iterator[tuple[int, bytes]]:
    """Yield how many more bytes of the file were read, and what they unpack to."""
    unpack: Any = None
    started = False
    for piece in file.pieces():
        if not started:
            started = True
            if piece.startswith(b"\x1f\x8b"):
                unpack = zlib.decompressobj(wbits=31)
        if unpack is None:
            yield len(piece), piece
            continue
        for at in range(0, len(piece), _SLICE_BYTES):
            packed = piece[at : at + _SLICE_BYTES]
            read = len(packed)
            try:
                while packed:
                    if unpack.eof:
                        # A gzip file may hold several members, one after the other.
                        unpack = zlib.decompressobj(wbits=31)
                    data = unpack.decompress(packed, PIECE_BYTES)
                    packed = unpack.unconsumed_tail or unpack.unused_data
                    yield read, data
                    read = 0
            except zlib.error as error:
                raise TraceError(file.place, "be sound gzip", Said(str(error))) from error
    if unpack is not None and not unpack.eof:
        yield 0, unpack.flush()
        if not unpack.eof:
            raise TraceError(file.place, "be sound gzip", Said("a file that is cut off"))
