"""From a parsed file to a contract document, with a fault for everything that does not fit."""

from typing import Any

from pydantic import ValidationError

from control.contracts.document import ContractDocument, Part
from control.contracts.faults import ContractBroken, Fault, Key
from control.contracts.yaml_tree import YamlTree


def read_document(tree: YamlTree) -> ContractDocument:
    """Turn a file's values into a document; raises ContractBroken with every fault."""
    try:
        return ContractDocument.model_validate(tree.values)
    except ValidationError as error:
        # Of a value that may be of several types, one complaint is enough: the last is the widest.
        faults = {one.key: one for one in (_fault(tree, e) for e in error.errors())}
        raise ContractBroken(list(faults.values())) from error


def _fault(tree: YamlTree, error: Any) -> Fault:  # noqa: ANN401 - pydantic's own record
    key = _key_in_file(tree, error["loc"])
    if error["type"] == "extra_forbidden":
        known = ", ".join(_allowed_keys(key[:-1]))
        return tree.fault(key, f"no such key; allowed here: {known}")
    got = repr(error["input"])
    shown = got if len(got) <= 80 else f"{got[:77]}..."  # noqa: PLR2004 - a line's worth
    message = error["msg"].removeprefix("Value error, ")
    return tree.fault(key, f"{message} (got {shown})")


def _key_in_file(tree: YamlTree, location: Key) -> Key:
    """Drop the names of union members, which pydantic puts into a fault's place."""
    key: Key = ()
    for part in location:
        longer = (*key, part)
        if longer in tree.lines or (part == location[-1] and isinstance(part, str)):
            key = longer
    return key if key in tree.lines or _allowed_keys(key[:-1]) else key[:-1]


def _allowed_keys(key: Key) -> list[str]:
    """List what may stand under a key; nothing where any name may."""
    model: Any = ContractDocument
    for part in key:
        model = _member(model, part)
    return sorted(model.model_fields) if _is_part(model) else []


def _member(model: Any, part: str | int) -> Any:  # noqa: ANN401 - walks over annotations
    if _is_part(model):
        field = model.model_fields.get(part)
        return _inner(field.annotation) if field else None
    arguments = getattr(model, "__args__", ())
    return _inner(arguments[-1]) if arguments else None


def _inner(annotation: Any) -> Any:  # noqa: ANN401
    """Look through Optional and Annotated for what may hold keys."""
    if hasattr(annotation, "__metadata__"):
        return _inner(annotation.__origin__)
    options = [one for one in getattr(annotation, "__args__", ()) if one is not type(None)]
    is_container = getattr(annotation, "__origin__", None) in {dict, list}
    return _inner(options[0]) if options and not is_container else annotation


def _is_part(model: Any) -> bool:  # noqa: ANN401
    return isinstance(model, type) and issubclass(model, Part)
