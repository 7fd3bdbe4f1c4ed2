"""What `make run` prints works when it is pasted: each command to try, as it stands, in a shell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from clients import require_client
from node import LIGHTWAVE, Node, free_offset, run_lightwave

ROOT = Path(__file__).resolve().parents[2]


def printed_commands(text: str) -> list[str]:
    """The indented lines after "To try"."""
    lines = text.split("To try", 1)[1].splitlines()[1:]
    return [line.strip() for line in lines if line.startswith("  ") and line.strip()]


def test_the_commands_that_promote_prints(short_folder: Path) -> None:
    require_client("ldapsearch")
    require_client("curl")
    data, offset = short_folder / "data", free_offset()
    place = ["--data", str(data), "--port-offset", str(offset), "--bind", "127.0.0.1"]
    text = run_lightwave(["promote", "--domain", "lightwave.local", *place])
    commands = printed_commands(text)
    assert len(commands) >= 7, text
    node = Node(data, "lightwave.local", "", offset)
    environment = dict(os.environ, PATH=f"{LIGHTWAVE.parent}:{os.environ['PATH']}")
    node.start()
    try:
        for command in commands:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=30,
                check=False,
            )
            if done.returncode:
                pytest.fail(f"{command}\n{done.stderr.decode()}")
            assert done.stdout, command
    finally:
        assert node.stop() == 0


def test_the_generated_password_is_printed_and_not_kept(short_folder: Path) -> None:
    data = short_folder / "data"
    text = run_lightwave(["promote", "--domain", "lightwave.local", "--data", str(data)])
    (line,) = [line for line in text.splitlines() if line.strip().startswith("password")]
    password = line.split()[-1].encode()
    assert len(password) >= 16
    files = [path for path in (*data.rglob("*"), *Path(f"{data}.keyring").rglob("*")) if path.is_file()]
    assert [path.name for path in files if password in path.read_bytes()] == []
