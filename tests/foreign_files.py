"""LDIF files that none of us wrote, from Debian's packages: fetched once into build/foreign.

Run as a program it fetches all of them. It needs apt-get and the machine's Debian mirror, not root: package lists
with sources go into a folder of their own, so the machine's apt configuration stays as it is.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "foreign"
APT = Path("/etc/apt")


class FetchError(Exception):
    """A file can't be had; the text says why."""


def example_ldif() -> Path:
    """Example.ldif of 389-ds-base: an organisation with people, groups and access control instructions."""
    return dirsrv() / "data" / "Example.ldif"


def dirsrv() -> Path:
    """Of 389-ds-base: its folder with `schema` and `data`."""
    return _once("389/dirsrv", _fetch_389)


def openldap_source() -> Path:
    """Of OpenLDAP's source package: `tests/data`, its tests' LDIF files, and `servers/slapd/schema`."""
    return _once("openldap/source", _fetch_openldap)


def _once(name: str, fetch: Callable[[Path], None]) -> Path:
    wanted = FOLDER / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one download
        if not wanted.exists():
            if shutil.which("apt-get") is None:
                raise FetchError("there is no apt-get here")
            work = FOLDER / "work"
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            fetch(work)
            shutil.rmtree(work, ignore_errors=True)
    if not wanted.exists():
        raise FetchError(f"{wanted.name} is not in the package")
    return wanted


def _fetch_389(work: Path) -> None:
    with _apt(work) as apt:
        apt("download", "389-ds-base")
    package = next(work.glob("389-ds-base_*.deb"))
    _run(["dpkg-deb", "-x", str(package), str(work / "root")], work)
    _put(work / "root" / "usr" / "share" / "dirsrv", FOLDER / "389" / "dirsrv")


def _fetch_openldap(work: Path) -> None:
    with _apt(work) as apt:
        apt("source", "--download-only", "openldap")
    archive = next(work.glob("openldap_*.orig.tar.*"))
    with tarfile.open(archive) as opened:
        kept = re.compile(r"[^/]+/(tests/data|servers/slapd/schema)/[^/]+\Z")
        wanted = [one for one in opened.getmembers() if one.isfile() and kept.match(one.name)]
        opened.extractall(work / "source", members=wanted, filter="data")
    _put(next((work / "source").iterdir()), FOLDER / "openldap" / "source")


def _put(found: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    found.rename(place)


@contextmanager
def _apt(work: Path) -> Iterator[Callable[..., None]]:
    """apt-get with Debian's own packages and sources only, and with lists and caches in `work`."""
    state = work / "apt"
    (state / "lists" / "partial").mkdir(parents=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True)
    (state / "parts").mkdir()
    found = _debian_sources(state)
    if not found:
        raise FetchError("no Debian mirror in /etc/apt")
    options = [
        f"Dir::Etc::sourcelist={state / 'sources.list'}",
        f"Dir::Etc::sourceparts={state / 'parts'}",
        f"Dir::State::lists={state / 'lists'}",
        f"Dir::Cache={state / 'cache'}",
        "Acquire::Languages=none",
        "APT::Sandbox::User=root",
    ]
    arguments = [part for option in options for part in ("-o", option)]

    def apt(*command: str) -> None:
        _run(["apt-get", "-qq", *arguments, *command], work)

    apt("update")
    yield apt


def _debian_sources(state: Path) -> bool:
    """Copies what /etc/apt says of this release, component main, with sources added; whether there is any."""
    release = _codename()
    lines: list[str] = []
    for path in [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.list"))]:
        for line in path.read_text().splitlines() if path.is_file() else ():
            match = re.match(r"deb\s+((?:\[[^]]*\]\s+)?\S+)\s+(\S+)\s+(.*)", line.strip())
            if match and match[2] == release and "main" in match[3].split():
                lines += [f"deb {match[1]} {release} main", f"deb-src {match[1]} {release} main"]
    (state / "sources.list").write_text("\n".join(lines) + "\n")
    stanzas: list[str] = []
    for path in sorted((APT / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            suites = re.search(r"(?mi)^Suites:(.*)$", stanza)
            components = re.search(r"(?mi)^Components:(.*)$", stanza)
            if suites is None or components is None:
                continue
            if release in suites[1].split() and "main" in components[1].split():
                text = re.sub(r"(?mi)^Types:.*$", "Types: deb deb-src", stanza)
                text = re.sub(r"(?mi)^Suites:.*$", f"Suites: {release}", text)
                stanzas.append(re.sub(r"(?mi)^Components:.*$", "Components: main", text))
    (state / "parts" / "debian.sources").write_text("\n\n".join(stanzas) + "\n")
    return bool(lines or stanzas)


def _codename() -> str:
    text = Path("/etc/os-release").read_text()
    found = re.search(r'(?m)^VERSION_CODENAME="?(\w+)"?$', text)
    if found is None:
        raise FetchError("this is not Debian")
    return found[1]


def _run(arguments: list[str], folder: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            arguments, cwd=folder, env=environment, capture_output=True, timeout=300, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"{arguments[0]}: {error}") from None
    if done.returncode:
        raise FetchError(f"{arguments[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")


if __name__ == "__main__":
    print(example_ldif())
    print(openldap_source())
