"""What the store raises. None of these carries a value or a secret of an entry: they may be logged as they are."""

from __future__ import annotations

import errno
import os
import resource

import lmdb


class StoreError(Exception):
    """The store could not do what was asked; the transaction it happened in changes nothing."""


class StoreFull(StoreError):
    """The map or the disk is full. What was acknowledged before is safe; reading goes on."""


class TooManyDescriptions(StoreError):
    """No number is left for a further attribute description."""


class StoreBusy(StoreError):
    """Another process holds something that can't be shared, such as the last reader slot."""


class StoreClosed(StoreError):
    """The store or its committer was closed before the work was done."""


class StoreVersionError(StoreError):
    """The store's layout is of a version that this program does not read."""


class DamagedRecord(StoreError):
    """A record's checksum does not hold: the bytes on the disk are not those that were written."""

    def __init__(self, tenant: int, entry_id: int, reason: str = "checksum does not match") -> None:
        super().__init__(f"record of entry {entry_id} of tenant {tenant} is damaged: {reason}")
        self.tenant = tenant
        self.entry_id = entry_id


class DamagedEvent(StoreError):
    """A row of the audit can't be read: the bytes on the disk are none that were written."""


class NoSuchEntry(StoreError):
    """No entry stands at that name or number.

    `matched_tenant` and `matched_entry_id` name the lowest ancestor that exists (RFC 4511 section 4.1.9, matchedDN);
    both are 0 where not even a naming context holds the name.
    """

    def __init__(self, matched_tenant: int = 0, matched_entry_id: int = 0) -> None:
        super().__init__("no such entry")
        self.matched_tenant = matched_tenant
        self.matched_entry_id = matched_entry_id


class EntryExists(StoreError):
    """An entry with that normalised RDN stands below that parent already, or one with that GUID in the tenant."""


class KeyringError(StoreError):
    """The keyring lacks a key, or a sealed value does not belong where it was found."""


_FULL_ERRNOS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def _code(error: lmdb.Error) -> int:
    return getattr(error, "code", 0)  # only errors that LMDB itself raised have one


def is_full(error: BaseException) -> bool:
    """Whether an error of LMDB or of the system says that no room is left (map, disk, quota or transaction)."""
    if isinstance(error, StoreFull | lmdb.MapFullError | lmdb.TxnFullError):
        return True
    if isinstance(error, lmdb.Error):
        return _code(error) in _FULL_ERRNOS
    return isinstance(error, OSError) and error.errno in _FULL_ERRNOS


_ROOM = 1 << 24


def has_room(folder: str) -> bool:
    """Whether the disk, and the limit on this process's files, leave the store 16 MiB to grow."""
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < _ROOM:
        return False
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    data = os.path.join(folder, "data.mdb")
    return limit == resource.RLIM_INFINITY or os.stat(data).st_size + _ROOM <= limit


def store_error(error: BaseException, folder: str | None = None) -> StoreError:
    """The store's own error for one of LMDB or the system; the original is its `__cause__`.

    LMDB reports a write that the disk took only in part as an input/output error; with the store's folder at hand
    that is told from a broken disk by the room that is left.
    """
    if isinstance(error, StoreError):
        return error
    short = isinstance(error, lmdb.Error) and _code(error) == errno.EIO
    if is_full(error) or (short and folder is not None and not has_room(folder)):
        result: StoreError = StoreFull(f"the store has no room left: {error}")
    elif isinstance(error, lmdb.ReadersFullError):
        result = StoreBusy("all reader slots of the store are taken")
    else:
        result = StoreError(f"the store failed: {error}")
    result.__cause__ = error
    return result
