"""How hard a password is to guess, by zxcvbn: words, names, dates, sequences and keyboards are cheap, chance is not.

Bounded: zxcvbn tries every reading of symbols that may stand for letters, which eight symbols make take seconds. So it
is given at most `MAX_LENGTH` characters, and where too many readings meet, symbols that stand for nothing instead.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

MAX_LENGTH: Final = 64
"""characters; a longer password is at least as strong as its beginning"""
MAX_NAMES: Final = 32
_MOST_READINGS: Final = 8

# zxcvbn's table of symbols by the letter that they may stand for; digits are left out.
_READINGS: Final = ("@", "({[<", "!|", "$", "+")
_NEUTRAL: Final = str.maketrans({symbol: chr(0x3B1 + i) for i, symbol in enumerate("@({[<!|$+")})


def strength(password: str, names: Collection[str] = ()) -> int:
    """zxcvbn's score: 0 (guessed at once) to 4. names: what those who guess know of the account. Any thread."""
    from zxcvbn import zxcvbn  # reads its word lists when it is imported: only who asks waits for them

    known = [name[:MAX_LENGTH] for name in list(names)[:MAX_NAMES]]
    score: int = zxcvbn(_bounded(password[:MAX_LENGTH]), user_inputs=known)["score"]
    return score


def _bounded(password: str) -> str:
    # Digits give each letter one reading more at most.
    readings = math.prod(sum(symbol in password for symbol in group) + 1 for group in _READINGS)
    return password.translate(_NEUTRAL) if readings > _MOST_READINGS else password
