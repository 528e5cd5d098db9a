"""Writing files so that a crash leaves the old state or the new one, never half of either.

Everything is written beside its destination, synced to the disk and renamed; nothing else in the package writes files
but what only grows and is cut back on resume: the training log, and the journal of a corpus that a model writes. What
is being written has a hidden name; a process that is killed leaves that behind, and the next one that holds the lock
clears it away.

What replaces a file or folder keeps its permissions and, if this user may give it away, its owner and group. A hard
link keeps the old content under its other names.
"""

import ctypes
import errno
import os
import re
import shutil
import stat
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from nmt import streams
from nmt.errors import NMTError

UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
"""What file systems say that cannot sync folders or know no locks."""


def paths(given: str | Path | Iterable[str | Path]) -> list[Path]:
    """One path or several."""
    return [Path(each) for each in ([given] if isinstance(given, str | Path) else given)]


def named(path: Path) -> Path:
    """A path that ends with the name of what it stands for, as `.` and `..` do not."""
    return path.resolve() if path.name in ("", "..") else path


def sync(path: Path) -> None:
    """Flush a file's or folder's content to the disk. Windows cannot open folders; there the rename has to do."""
    is_folder = path.is_dir()
    if is_folder and sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in UNSUPPORTED):
            raise
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: Path, *, temporary: Path | None = None) -> Iterator[None]:
    """An OSError that names no file, as those of reading, writing and syncing do not, or the temporary one, names
    `path`."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        elif temporary and str(error.filename).startswith(str(temporary)):
            error.filename, error.filename2 = str(error.filename).replace(str(temporary), str(path), 1), None
        raise


@contextmanager
def replacing(path: str | Path, mode: str = "w") -> Iterator[IO]:
    """Open a file that takes the place of `path` when the block ends without an error, and vanishes otherwise.

    Text is UTF-8 with LF line ends on every platform. A link stays, and what it points to is replaced.
    """
    path = _behind(Path(path))
    temporary = _beside(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    private = partial(os.open, mode=0o600)  # until it has the permissions of the old file
    with naming(path, temporary=temporary), parents(path):
        try:
            with open(temporary, mode, opener=private if path.exists() else None, **text) as file:
                _copy_access(path, temporary)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            discard(temporary)
            raise
        sync(path.parent)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """A fresh folder that takes the place of `path` (with all it holds) when the block ends without an error.

    Where the system cannot exchange two folders in one step it takes two, with none at `path` for an instant; killed
    between them, the old one lies under a hidden name, from which `recover` brings it back. A link stays.
    """
    path = _behind(Path(path))
    temporary = _beside(path)
    with naming(path, temporary=temporary), parents(path):
        temporary.mkdir(0o700 if path.exists() else 0o777)
        try:
            yield temporary
            for item in (*temporary.rglob("*"), temporary):
                sync(item)
            _copy_access(path, temporary)
            _exchange(temporary, path)
        finally:
            discard(temporary)  # the old folder, or what came to nothing


def _copy_access(path: Path, new: Path) -> None:
    """Give a new file or folder the permissions, owner and group of the one that it will replace, if there is one."""
    with suppress(FileNotFoundError):
        old, here = path.stat(), new.stat()
        if (old.st_uid, old.st_gid) != (here.st_uid, here.st_gid):
            with suppress(OSError):  # only root may give files away
                os.chown(new, old.st_uid, old.st_gid)
        os.chmod(new, stat.S_IMODE(old.st_mode) & 0o777)


def _exchange(new: Path, path: Path) -> None:
    """Put a folder into the place of another, or leave that one where it is."""
    old = new.with_suffix(".old")
    try:
        if not _swap(new, path):
            if path.exists():
                os.replace(path, old)
            os.replace(new, path)
        sync(path.parent)
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        discard(old)


def _swap(one: Path, other: Path) -> bool:
    """Exchange what two names stand for, in one step; False when that cannot be done: why, two renames may find out.

    Linux's renameat2(2), which Python does not know. Not all file systems can do it.
    """
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename is not None and rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


def check_above(path: str | Path) -> None:
    """Raise NMTError, before any work, if no file or folder can be made at `path`: the name stands for an open
    descriptor, or something above it is no folder."""
    streams.refuse(path)
    above = next((each for each in Path(path).absolute().parents if each.exists()), None)
    if above is not None and not above.is_dir():
        raise NMTError(f"{path}: {above} is no folder", hint="name another place")


def check_not_here(folder: Path) -> None:
    """Raise NMTError for a folder that cannot be replaced: the current one, a root, an open descriptor."""
    streams.refuse(folder)
    if folder.resolve() == Path.cwd():
        raise NMTError(f"{folder}: is where you are, which cannot be replaced", hint="name a new folder")
    if not folder.resolve().name:
        raise NMTError(f"{folder}: is a root, which cannot be replaced", hint="name a new folder")


def write_text(path: str | Path, text: str) -> None:
    """Write a whole text file at once."""
    with replacing(path) as file:
        file.write(text)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a whole binary file at once."""
    with replacing(path, "wb") as file:
        file.write(content)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there, in one step: never is half of a folder left under its name."""
    doomed = _beside(path)
    with suppress(FileNotFoundError), naming(path, temporary=doomed):
        os.replace(path, doomed)
        try:
            sync(path.parent)
        finally:
            discard(doomed)


def recover(path: str | Path) -> None:
    """Undo what killed processes left half done at `path`, a file or folder. Only while nobody else writes it."""
    path = _behind(Path(path))
    left = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.(tmp|old)")
    found = [each for each in path.parent.iterdir() if left.fullmatch(each.name)]
    set_aside = [each for each in found if each.suffix == ".old"]
    if set_aside and not path.exists():
        os.replace(max(set_aside, key=lambda each: each.stat().st_mtime), path)
    for each in found:
        discard(each)


def _behind(path: Path) -> Path:
    """The target of a link, which is replaced in its place: a link to another disk is there for a reason.

    Raises NMTError for an open descriptor: what others have written to its file would be lost.
    """
    streams.refuse(path)
    return path.resolve() if path.is_symlink() else path


def _beside(path: Path) -> Path:
    """A hidden temporary name in the same folder, so that the rename stays on one file system."""
    path = named(path)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")


@contextmanager
def parents(path: Path) -> Iterator[None]:
    """Make the folders above `path` that are missing; after an error those that are empty vanish again."""
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        with naming(path):
            for folder in reversed(missing):
                folder.mkdir(exist_ok=True)
                sync(folder.parent)
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


def discard(path: Path) -> None:
    """Remove a file or folder that nobody needs; when that fails it is only in the way."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
