"""What access control costs a search: the same searches by an administrator and by an ordinary user, in one process.

    .venv/bin/python bench/access.py [--people 10000] [--rounds 15]

People stand in units of 500; every tenth has a descriptor of its own, one of eight, and so has every fourth unit. Both
ask the same of the same store in turns, entries as a server encodes them; counted is the processor time of the thread,
and the best of the rounds, for the machine is shared. No sockets are in it: with them the difference is smaller still.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from fresh_directory import BASE, Directory
from lightwave.directory.access.sddl import parse_sddl
from lightwave.directory.access.sid import AUTHENTICATED_USERS, EVERYONE, make_sid
from lightwave.directory.ldap.filters import parse_filter
from lightwave.directory.ldap.requests import SearchRequest
from lightwave.directory.operations.context import Context
from lightwave.directory.operations.descriptors import set_own_descriptor
from lightwave.directory.operations.lookup import look_up
from lightwave.directory.operations.search import Search, Searches

UNIT = 500
MAIL = "bf967961-0de6-11d0-a285-00aa003049e2"


def name(number: int) -> str:
    """The DN of a person."""
    return f"cn=person {number},ou=unit {number // UNIT},{BASE.decode()}"


def fill(directory: Directory, people: int) -> None:
    """Adds the people and gives some of them, and of their units, descriptors of their own."""
    for number in range(people):
        if number % UNIT == 0:
            unit = f"unit {number // UNIT}"
            directory.add(f"ou={unit},{BASE.decode()}", objectClass=["organizationalUnit"], ou=unit)
        directory.add(
            name(number),
            objectClass=["top", "person", "organizationalPerson", "inetOrgPerson", "user"],
            cn=f"person {number}",
            sn=f"of {number}",
            uid=f"person{number}",
            mail=f"person{number}@lightwave.local",
            telephoneNumber=f"+49 30 {number:07}",
            title="a person among many",
        )
    with directory.store.write() as txn:
        schema = directory.schemas.current(txn)
        change = txn.begin_change()
        for number in range(0, people, 10):
            place = directory.find(name(number))
            sddl = f"O:BAG:BAD:(OA;;WP;{MAIL};;S-1-5-21-1-2-3-{2000 + number // 10 % 8})(A;;RPLCLORC;;;PS)"
            set_own_descriptor(txn, schema, *place, parse_sddl(sddl), change)
        for number in range(0, people, 4 * UNIT):
            place = directory.find(name(number).partition(",")[2])
            sddl = f"O:BAG:BAD:(A;CI;CCDC;;;S-1-5-21-1-2-3-{number})(A;CI;RPLCLORC;;;AU)"
            set_own_descriptor(txn, schema, *place, parse_sddl(sddl), change)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        directory = Directory(Path(folder))
        fill(directory, asked.people)
        print(f"{'':24} {'administrator':>16} {'user':>16} {'rate of the user':>18}")
        for case, run in cases(directory, asked.people).items():
            administrator, user = measure(directory, run, asked.rounds)
            ratio = administrator / user
            print(f"{case:24} {administrator * 1e6:13.2f} µs {user * 1e6:13.2f} µs {ratio:18.2f}")
        directory.close()


Run = Callable[[Context], int]
"""searches as whoever asks, and gives how many units of work that was"""


def cases(directory: Directory, people: int) -> dict[str, Run]:
    """The searches by their names."""
    searches = Searches(directory.store, time.monotonic)
    choice = random.Random(1)
    some = [choice.randrange(people) for _ in range(2_000)]
    bases = [
        SearchRequest(name(one).encode(), 0, 0, 0, 0, False, parse_filter("(objectClass=*)"), ())
        for one in some
    ]
    equalities = [
        SearchRequest(BASE, 2, 0, 0, 0, False, parse_filter(f"(uid=person{one})"), ()) for one in some
    ]
    large = SearchRequest(BASE, 2, 0, 0, 0, False, parse_filter("(uid=person1*)"), ())

    with directory.store.read() as txn:  # resolved once, an equality is plain from then on
        Search(searches, txn, directory.schemas.current(txn), directory.context(), 1, equalities[0])

    def quick(requests: list[SearchRequest]) -> Run:
        def run(context: Context) -> int:
            with directory.store.read() as txn:
                schema = directory.schemas.current(txn)
                for request in requests:
                    answer = look_up(searches, txn, schema, context, 1, request)
                    assert answer is not None
                    assert len(answer) > 100
            return len(requests)

        return run

    def thousand(context: Context) -> int:
        out: list[bytes] = []
        with directory.store.read() as txn:
            search = Search(searches, txn, directory.schemas.current(txn), context, 1, large, paged=True)
            search.advance(txn, out, entries=1_000, octets=1 << 30, until=1e18)
        assert len(out) == min(1_000, people // 10)
        return len(out)

    return {"base": quick(bases), "equality": quick(equalities), "1,000 entries, each": thousand}


def measure(directory: Directory, run: Run, rounds: int) -> tuple[float, float]:
    """Seconds of processor per unit of work: of the administrator, and of an ordinary user."""
    limits = replace(directory.limits, look_through=1 << 40)
    administrator = replace(directory.context(), limits=limits)
    sid = make_sid(5, 21, 1, 2, 3, 5000)
    token = replace(
        directory.token,
        is_administrator=False,
        entry_id=directory.find(name(1))[1],
        sid=sid,
        sids=frozenset({sid, AUTHENTICATED_USERS, EVERYONE}),
        entry_ids=frozenset({directory.find(name(1))[1]}),
    )
    user = replace(administrator, token=token)
    best = {True: 1e9, False: 1e9}
    for _ in range(rounds):
        for is_user in (False, True):
            began = time.thread_time()
            units = run(user if is_user else administrator)
            best[is_user] = min(best[is_user], (time.thread_time() - began) / units)
    return best[False], best[True]


if __name__ == "__main__":
    main()
