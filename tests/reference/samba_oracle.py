"""Samba's own libraries as an oracle: one process of the system's Python that answers many questions.

Debian's python3-samba is built for the system's Python, so this file runs there and is started by
`samba_libraries.Samba`. A line of JSON in, a line of JSON out. Access checks with object types and inheritance are not
in Samba's Python bindings; they are called in the library that the bindings themselves load.
"""

import ctypes
import json
import sys
from collections.abc import Callable
from typing import Any

from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.security import access_check

_LIBRARY = "libsamba-security-samba4.so.0"
_AUTO_INHERIT = 0x3  # DACL and SACL

Question = dict[str, Any]


def library() -> ctypes.CDLL:
    """The library that python3-samba has loaded, with the types of what is called in it."""
    with open("/proc/self/maps") as maps:
        path = next(line.split()[-1] for line in maps if line.rstrip().endswith(_LIBRARY))
    lib = ctypes.CDLL(path)
    pointer = ctypes.c_void_p
    lib.sec_access_check_ds.argtypes = [pointer, pointer, ctypes.c_uint32, pointer, pointer, pointer]
    lib.sec_access_check_ds.restype = ctypes.c_uint32
    lib.insert_in_object_tree.argtypes = [pointer, pointer, ctypes.c_uint32, pointer, pointer]
    lib.insert_in_object_tree.restype = ctypes.c_bool
    lib.create_security_descriptor.argtypes = [
        pointer, pointer, pointer, ctypes.c_bool, pointer, ctypes.c_uint32, pointer, pointer, pointer, pointer,
    ]  # fmt: skip
    lib.create_security_descriptor.restype = pointer
    lib.marshall_sec_desc.argtypes = [pointer, pointer, pointer, pointer]
    lib.marshall_sec_desc.restype = ctypes.c_uint32
    return lib


LIB = library()
TALLOC = ctypes.CDLL("libtalloc.so.2")
TALLOC.talloc_named_const.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
TALLOC.talloc_named_const.restype = ctypes.c_void_p
TALLOC._talloc_free.argtypes = [ctypes.c_void_p, ctypes.c_char_p]


def pointer_of(wrapped: object) -> int:
    """The C structure behind an object of Samba's bindings: pytalloc_BaseObject's fourth word and fifth."""
    return ctypes.c_void_p.from_address(id(wrapped) + 4 * ctypes.sizeof(ctypes.c_void_p)).value or 0


def descriptor(question: Question, key: str) -> Any:
    return ndr_unpack(security.descriptor, bytes.fromhex(question[key]))


def domain(question: Question) -> Any:
    return security.dom_sid(question["domain"])


def token(question: Question) -> Any:
    made = security.token()
    made.sids = [security.dom_sid(sid) for sid in question["sids"]]
    made.num_sids = len(question["sids"])
    return made


def from_sddl(question: Question) -> str:
    return str(ndr_pack(security.descriptor.from_sddl(question["sddl"], domain(question))).hex())


def as_sddl(question: Question) -> str:
    return str(descriptor(question, "descriptor").as_sddl(domain(question)))


def repack(question: Question) -> str:
    return str(ndr_pack(descriptor(question, "descriptor")).hex())


def simple_access(question: Question) -> bool:
    """se_access_check: without object types."""
    try:
        access_check(descriptor(question, "descriptor"), token(question), question["wanted"])
    except Exception as refused:
        if refused.args and refused.args[0] & 0xFFFFFFFF == 0xC0000022:
            return False
        raise
    return True


def object_access(question: Question) -> bool:
    """sec_access_check_ds with a tree of the GUIDs in `types`, each the child of the one before."""
    memory = TALLOC.talloc_named_const(None, 0, b"check")
    sd, asking, self_sid = descriptor(question, "descriptor"), token(question), None
    root = node = ctypes.c_void_p()
    for guid in question["types"]:
        made = ctypes.c_void_p()
        raw = ctypes.create_string_buffer(bytes.fromhex(guid), 16)
        if not LIB.insert_in_object_tree(memory, raw, question["wanted"], node, ctypes.byref(made)):
            raise MemoryError
        root, node = (root if root else made), made
    if question["object_sid"]:
        self_sid = security.dom_sid(question["object_sid"])
    granted = ctypes.c_uint32()
    status = LIB.sec_access_check_ds(
        pointer_of(sd),
        pointer_of(asking),
        question["wanted"],
        ctypes.byref(granted),
        root,
        pointer_of(self_sid) if self_sid is not None else None,
    )
    TALLOC._talloc_free(memory, b"check")
    return int(status) == 0


def inherit(question: Question) -> str:
    """create_security_descriptor as the directory calls it: everything is a container."""
    memory = TALLOC.talloc_named_const(None, 0, b"inherit")
    parent, own = descriptor(question, "parent"), descriptor(question, "own")
    asking = token({"sids": ["S-1-5-7"]})
    classes = ctypes.create_string_buffer(b"".join(map(bytes.fromhex, question["classes"])) + bytes(16))
    made = LIB.create_security_descriptor(
        memory,
        pointer_of(parent),
        pointer_of(own),
        True,
        classes,
        _AUTO_INHERIT,
        pointer_of(asking),
        None,
        None,
        ctypes.cast(LIB.map_generic_rights_ds, ctypes.c_void_p),
    )
    data, size = ctypes.c_void_p(), ctypes.c_size_t()
    status = LIB.marshall_sec_desc(memory, made, ctypes.byref(data), ctypes.byref(size))
    if status or not data.value:
        raise ValueError(f"NTSTATUS {status:08x}")
    packed = ctypes.string_at(data.value, size.value)
    TALLOC._talloc_free(memory, b"inherit")
    return packed.hex()


ANSWERS: dict[str, Callable[[Question], object]] = {
    "from_sddl": from_sddl,
    "as_sddl": as_sddl,
    "repack": repack,
    "simple_access": simple_access,
    "object_access": object_access,
    "inherit": inherit,
}


def main() -> None:
    for line in sys.stdin:
        question = json.loads(line)
        try:
            answer: Question = {"answer": ANSWERS[question["ask"]](question)}
        except Exception as failed:  # noqa: BLE001  whatever Samba refuses is an answer
            answer = {"refused": repr(failed)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
