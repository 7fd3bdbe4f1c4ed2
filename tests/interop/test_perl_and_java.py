"""Net::LDAP and JNDI: two more encoders of LDAP, and what they make of our controls and referrals."""

from __future__ import annotations

import json
from pathlib import Path

from clients import require_client, run_client
from interop.targets import Target, make_tools

HERE = Path(__file__).parent


def test_net_ldap(target: Target, corner: str) -> None:
    """Sorting, pages, views, matched values, assertion and subentries, by their own encoders and decoders."""
    require_client("perl")
    script = str(HERE / "perl" / "controls.pl")
    done = run_client(["perl", script, target.url, target.administrator, target.password, corner])
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found.pop("matched") == {"ada": ["mail", "uid"], "alan": ["uid"], "grace": ["uid"]}
    assert found == {
        "sorted": ["grace", "alan", "ada"],
        "sort_result": 0,
        "two_keys": ["ada", "alan", "grace"],
        "pages": [["grace", "alan"], ["ada"]],
        "view": ["grace", "alan"],
        "view_count": 3,
        "view_end": ["alan", "ada"],
        "view_from": ["alan"],
        "asserted": 122,
        "subentries": [],
        "no_copy": 3,
        "supports": 1,
        "class": 1,
    }


def test_jndi(target: Target, corner: str, short_folder: Path) -> None:
    """Sorting, pages, and referrals thrown, ignored and followed."""
    require_client("javac")
    tools = make_tools(target, "ldapi", short_folder)
    elsewhere = f"cn=elsewhere,{corner}"
    tools.ok(
        "ldapadd",
        stdin=(
            f"dn: {elsewhere}\nobjectClass: referral\nobjectClass: extensibleObject\ncn: elsewhere\n"
            f"ref: {target.url}/uid=ada,{corner}\n"
        ),
    )
    source = str(HERE / "java" / "Controls.java")
    arguments = [target.url, target.administrator, target.password, corner, elsewhere]
    try:
        done = run_client(["java", source, *arguments], timeout=60)
    finally:
        tools.ok("ldapdelete", "-M", elsewhere)
    assert done.code == 0, done.err
    ours = "16 noSuchAttribute"  # RFC 2891 section 2: the entries unsorted, and why
    theirs = "[LDAP: error code 16 - serverSort control: Unrecognized attribute type in sort key]"
    reference = f"{target.url}/uid=ada,{corner}"
    if target.name == "slapd":
        reference += "??base"  # of a base search: what it was, said once more
    assert done.out.splitlines() == [
        "sorted: grace ada alan",
        "sort result: 0",
        f"refused: {ours if target.name == 'lightwave' else theirs}",
        "page: ada alan",
        "page: grace",
        f"referral: {reference}",
        f"managed: {target.url}/uid=ada,{corner}",
        "followed: ada",
    ]
