"""Text in the form in which every database keeps it."""


def storable(text: str) -> str:
    """Put a mark in the place of what not every database takes: NUL, and halves of surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
