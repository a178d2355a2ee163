"""The files beside the state: where they are, what is done to them one effect at a time, and what to do about an error.

`health` and the token use it too, so it stands below the state and loads little.
"""

import contextlib
import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import NoReturn

from bot.errors import StateError

_LARGEST = 1024**3  # bytes: forty times as much as a state of 100,000 tasks
_LONGEST_SUFFIX = ".corrupt-20250204T120000Z"
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
# Of a directory. CIFS, vboxsf and some FUSE answer so; and one that may not be read cannot be opened for it.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EACCES, errno.EPERM}

_KINDS = {
    stat.S_IFREG: "",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}
_REMEDIES = {
    errno.EROFS: "The file system is read-only: mount a writable volume there.",
    errno.ENOSPC: "The disk is full: free some space. A running bot then goes on by itself.",
    errno.EDQUOT: "The disk quota is used up: free some space. A running bot then goes on by itself.",
    errno.ENOENT: "Create the directory, or set state.path to a file in an existing one.",
    errno.ENOTDIR: "Set state.path to a file in a directory.",
    errno.EISDIR: "The bot keeps a file there: remove that directory.",
    errno.ENAMETOOLONG: "Choose a shorter name for state.path.",
    errno.ELOOP: "The symbolic links form a loop: set state.path to a file in a directory.",
    errno.EBUSY: "It seems to be mounted as a single file, which cannot be replaced: mount its directory instead.",
}


class Disk:
    """The effects of a save, one call each: a crash, or a power cut, may come between any two. All raise OSError.

    `syncs_directories` is False once a file system has refused to.
    """

    def __init__(self) -> None:
        self.syncs_directories = True

    def write(self, path: Path, *content: bytes) -> None:
        """Create *path*, or create it anew, with this *content*, which need not have reached the medium."""
        path.unlink(missing_ok=True)
        create(path, *content)

    def sync(self, path: Path) -> None:
        """Return when what the file, or the names that the directory, holds has reached the medium."""
        try:
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            if error.errno not in _NO_SYNC or not path.is_dir():
                raise
            self.syncs_directories = False

    def link(self, path: Path, other: Path) -> None:
        """Give the file *path* the name *other* as well. Raise FileNotFoundError if there is none."""
        try:
            os.link(path, other)
        except FileNotFoundError:
            raise
        except OSError:
            # Some file systems have no hard links.
            self.write(other, path.read_bytes())
            self.sync(other)

    def replace(self, path: Path, other: Path) -> None:
        """Rename *path* to *other*, which is replaced: at every moment there is the one or the other."""
        path.replace(other)

    def unlink(self, path: Path) -> None:
        """Remove the name *path*, if it is there."""
        path.unlink(missing_ok=True)


def create(path: Path, *content: bytes) -> None:
    """Write a new file for its owner alone, as secrets come into it, or none at all.

    Raise OSError, which is FileExistsError if anything stands there: no symbolic link is followed.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            file.writelines(content)
            file.flush()
        except OSError:
            path.unlink()
            raise


def put(path: Path, content: bytes) -> None:
    """Replace *path* by a file for its owner alone. Raise OSError; then it is what it was."""
    new = beside(path, ".new")
    Disk().write(new, content)
    new.replace(path)


def resolve(path: Path) -> Path:
    """Return where the state file really is: a symbolic link is followed, so that it is not replaced by a file.

    Raise StateError if there can be no state file: every command that needs one asks here first.
    """
    try:
        path = path.expanduser()
        resolved = Path(os.path.realpath(path))  # Path.resolve() has an error of its own for a loop before Python 3.13
        with contextlib.suppress(FileNotFoundError):
            os.lstat(beside(resolved, _LONGEST_SUFFIX) if resolved.name else resolved)
        what = irregular(path)
    except OSError as error:
        refuse(error, path, "used")
    except (RuntimeError, ValueError) as error:  # no home directory, a NUL in the name
        reason = str(error).removesuffix(".")
        raise StateError(f"{path}: cannot be used: {reason}. Set state.path to a file in a directory.") from None
    if what:
        raise StateError(f"{path}: it is {what}, not a file. Set state.path to a file, such as state.json.")
    return resolved


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that lies beside the state file and is named after it."""
    return path.with_name(path.name + suffix)


def irregular(path: Path, *, follow: bool = True) -> str:
    """Return what stands at *path* when it is not a regular file, such as "a pipe"; else "". Raise OSError.

    *follow*: what counts is what a symbolic link leads to.
    """
    try:
        mode = stat.S_IFMT(path.stat(follow_symlinks=follow).st_mode)
    except FileNotFoundError:
        return ""
    return _KINDS.get(mode, "a device")


def read(path: Path) -> bytes:
    """Return what a regular file holds. Raise OSError, or ValueError if it is none: a device may never end."""
    if what := irregular(path):
        raise ValueError(f"it is {what}")
    # Not to wait, should it have become a pipe since.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > _LARGEST:
            raise ValueError("it is larger than 1 GiB")
        return file.read(size)


def lock(handle: int, path: Path) -> None:
    """Lock the open file *path*. Raise BlockingIOError if another process has locked it, StateError, or OSError."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise StateError(
            f"{path}: this file system has no locks, so two copies could run at once. "
            "Set state.path to a file on a local disk or volume."
        ) from None


def rehearse(path: Path) -> bool:
    """Do beside the state file *path* what a start and a save do, with other names. Raise StateError.

    False: it works, but the file system does not confirm that a directory has reached the medium.
    """
    disk, old, new = Disk(), *(beside(path, f".check-{os.getpid()}{suffix}") for suffix in ("", ".new"))
    try:
        disk.write(new, bytes(4096))
        with new.open("rb+") as file:
            lock(file.fileno(), path)
        disk.sync(new)
        disk.link(new, old)
        disk.replace(new, old)
        disk.sync(path.parent)
    except OSError as error:
        refuse(error, path, "written")
    finally:
        for name in (old, new):
            with contextlib.suppress(OSError):
                disk.unlink(name)
    return disk.syncs_directories


def refuse(error: OSError, path: Path, verb: str) -> NoReturn:
    """Raise StateError for an error of the disk: *path* cannot be *verb*, such as "written"."""
    remedy = _REMEDIES.get(error.errno or 0, "Check state.path and the disk.")
    if isinstance(error, PermissionError):
        there = verb == "read" or (verb == "locked" and os.path.lexists(path))
        access = f"{'read' if verb == 'read' else 'write'} access to the {'file' if there else 'directory'}"
        remedy = f"Give the bot's user {access}. It runs as uid {os.geteuid()}."
    if isinstance(error, IsADirectoryError):
        path = Path(error.filename2 or error.filename or path)
    raise StateError(f"{path}: cannot be {verb}: {error.strerror or error}. {remedy}") from None
