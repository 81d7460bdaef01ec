"""A disk whose power can be cut: what SQLite and Python write is recorded in order, with what was synced when.

SQLite's own layer below the files (its VFS) is wrapped, in this process, through the library that Python's `sqlite3`
itself uses. After a cut each file holds what had been synced, and of every later write each sector of 512 bytes by
itself is there, or is not, or is zeros, whatever came before or after it: what a disk is allowed to do. Names
(created, renamed, deleted) are taken to be durable at once, and the shared memory of a WAL (`-shm`) is gone.
"""

import _sqlite3
import ctypes
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_int64, c_void_p
from pathlib import Path

import pytest

SECTOR = 512
_KEPT: list[object] = []  # what SQLite points to, also from a connection that a failed test has left open
OK = 0

# A name goes through as the address that SQLite gave: the file's methods read it for as long as the file is open.
_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_DELETE = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(ctypes.Structure):
    """`sqlite3_vfs`, version 3; what is not wrapped stays as it is."""

    _fields_ = [
        *(("version", c_int), ("file_size", c_int), ("longest_path", c_int), ("next", c_void_p)),
        *(("name", c_char_p), ("data", c_void_p), ("open", c_void_p), ("delete", c_void_p)),
        ("rest", c_void_p * 14),
    ]


class _Methods(ctypes.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = [
        *(("version", c_int), ("close", c_void_p), ("read", c_void_p), ("write", c_void_p)),
        *(("truncate", c_void_p), ("sync", c_void_p), ("rest", c_void_p * 13)),
    ]


class _File:
    """One file: what is surely on the disk, and what was done since, in order."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, bytes), or (size, None): cut to size

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.durable, offset, data)
        self.pending.clear()

    def after_cut(self, draw: random.Random) -> bytes:
        content = bytearray(self.durable)
        keep = draw.choice((0.0, 0.5, 0.9, 1.0))
        for offset, data in self.pending:
            if data is None:
                if draw.random() < keep:
                    _apply(content, offset, None)
                continue
            for start in range(0, len(data), SECTOR):
                sector = data[start : start + SECTOR]
                if draw.random() < keep:
                    _apply(content, offset + start, sector)
                elif draw.random() < 0.3:
                    _apply(content, offset + start, bytes(len(sector)))
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk:
    """The files below `folder`. `lies`: it forgets that it was asked to sync, as a bad disk does.

    `before_sync` is called before each sync takes effect: the moments at which most is at stake.
    """

    def __init__(self, folder: Path, *, lies: bool = False) -> None:
        self._folder, self._lies = folder.resolve(), lies
        self.before_sync: Callable[[], None] = lambda: None
        self._files: dict[str, _File] = {}
        self._open: dict[int, tuple[_File, _Methods]] = {}  # by SQLite's handle: the file, and SQLite's own methods

    def cut(self, target: Path, seed: int) -> None:
        """What is on the disk if the power goes now, below `target`."""
        draw = random.Random(seed)
        for name, file in self._files.items():
            path = target / Path(name).relative_to(self._folder)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.after_cut(draw))

    def synced(self, path: str) -> None:
        if path in self._files:
            self._to_disk(self._files[path])

    def _to_disk(self, file: _File) -> None:
        self.before_sync()
        if not self._lies:
            file.sync()

    def renamed(self, old: str, new: str) -> None:
        if old in self._files:
            self._files[new] = self._files.pop(old)

    def opened(self, handle: int, path: str) -> None:
        """Take the place of the methods of a file that SQLite has just opened."""
        if not path.startswith(f"{self._folder}/") or path.endswith("-shm"):
            return
        file = self._files.setdefault(path, _File())
        pointer = ctypes.cast(handle, POINTER(c_void_p))
        own = _Methods.from_address(pointer[0])
        self._open[handle] = file, own
        mine = _Methods.from_buffer_copy(own)
        for name, kind, call in (
            ("close", _CLOSE, self._close),
            ("write", _WRITE, self._write),
            ("truncate", _TRUNCATE, self._truncate),
            ("sync", _SYNC, self._sync),
        ):
            made = kind(call)
            _KEPT.append(made)
            setattr(mine, name, ctypes.cast(made, c_void_p))
        _KEPT.append(mine)
        pointer[0] = ctypes.addressof(mine)

    def deleted(self, path: str) -> None:
        self._files.pop(path, None)

    def _close(self, handle: int) -> int:
        _, own = self._open.pop(handle)
        return int(_CLOSE(own.close)(handle))

    def _write(self, handle: int, data: int, size: int, offset: int) -> int:
        file, own = self._open[handle]
        file.pending.append((offset, ctypes.string_at(data, size)))
        return int(_WRITE(own.write)(handle, data, size, offset))

    def _truncate(self, handle: int, size: int) -> int:
        file, own = self._open[handle]
        file.pending.append((size, None))
        return int(_TRUNCATE(own.truncate)(handle, size))

    def _sync(self, handle: int, flags: int) -> int:
        file, own = self._open[handle]
        self._to_disk(file)
        return int(_SYNC(own.sync)(handle, flags))


@contextmanager
def recorded(disk: Disk, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """All that SQLite does in this process to files that it opens meanwhile, and Python's syncs and renames."""
    library = ctypes.CDLL(_sqlite3.__file__)
    library.sqlite3_vfs_find.restype = c_void_p
    library.sqlite3_vfs_find.argtypes = [c_char_p]
    library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
    library.sqlite3_vfs_unregister.argtypes = [c_void_p]
    own_address = library.sqlite3_vfs_find(None)
    own = _Vfs.from_address(own_address)

    def open_file(_: int, name: int | None, handle: int, flags: int, out: Callable[..., object]) -> int:
        status = int(_OPEN(own.open)(own_address, name, handle, flags, out))
        if status == OK and name is not None:
            disk.opened(handle, os.fsdecode(ctypes.string_at(name)))
        return status

    def delete_file(_: int, name: bytes, sync_folder: int) -> int:
        disk.deleted(os.fsdecode(name))
        return int(_DELETE(own.delete)(own_address, name, sync_folder))

    mine = _Vfs.from_buffer_copy(own)
    opener, deleter = _OPEN(open_file), _DELETE(delete_file)
    _KEPT.extend((mine, opener, deleter))
    mine.name, mine.open, mine.delete = b"recorded", ctypes.cast(opener, c_void_p), ctypes.cast(deleter, c_void_p)
    rename = os.rename

    def recorded_rename(old: str, new: str) -> None:
        rename(old, new)
        disk.renamed(os.path.realpath(old), os.path.realpath(new))

    def recorded_sync(call: Callable[[int], None], descriptor: int) -> None:
        call(descriptor)
        disk.synced(os.readlink(f"/proc/self/fd/{descriptor}"))

    with patch.context() as patched:
        fdatasync, fsync = os.fdatasync, os.fsync
        patched.setattr(os, "fdatasync", lambda descriptor: recorded_sync(fdatasync, descriptor))
        patched.setattr(os, "fsync", lambda descriptor: recorded_sync(fsync, descriptor))
        patched.setattr(os, "rename", recorded_rename)
        assert library.sqlite3_vfs_register(ctypes.addressof(mine), 1) == OK
        try:
            yield
        finally:
            library.sqlite3_vfs_unregister(ctypes.addressof(mine))
            library.sqlite3_vfs_register(own_address, 1)
