"""Lengths of time as people type them: ``90s``, ``15m``, ``12h``, ``30d``, ``8w``."""

import re
from typing import Final

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_FORM: Final = re.compile(r"([0-9]{1,9})([smhdw])")


def parse_duration(text: str) -> int:
    """Give the seconds; raises ValueError with the allowed forms."""
    found = _FORM.fullmatch(text)
    if found is None or int(found[1]) == 0:
        message = f"'{text}' is no length of time: write 90s, 15m, 12h, 30d or 8w"
        raise ValueError(message)
    return int(found[1]) * _UNITS[found[2]]
