"""Version numbers as they stand in paths."""

#: What no repository has: such a version is looked up, and not found.
UNKNOWN_VERSION = -1
_MAX_DIGITS = 18


def parse_version(text: str | None) -> int | None:
    """Parse a version from a path; None stays None, and what is no version becomes unknown."""
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
    return int(text) if is_number else UNKNOWN_VERSION
