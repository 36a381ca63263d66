"""From a parsed file to a contract document, with a fault for everything that does not fit."""

from typing import Any, Final

from pydantic import ValidationError

from control.contracts.document import ContractDocument
from control.contracts.faults import ContractBroken, Fault, Key
from control.contracts.parts import Part
from control.contracts.yaml_tree import YamlTree

_MAX_SHOWN: Final = 80
#: How pydantic marks a fault in a key itself.
_NAME_OF_A_KEY: Final = "[key]"

#: What a value of the wrong kind should have been, by pydantic's name for the fault.
_KINDS: Final = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def read_document(tree: YamlTree) -> ContractDocument:
    """Turn a file's values into a document; raises ContractBroken with every fault."""
    try:
        return ContractDocument.model_validate(tree.values)
    except ValidationError as error:
        by_key: dict[Key, list[Any]] = {}
        for one in error.errors(include_url=False, include_context=False):
            by_key.setdefault(_key_in_file(tree, one["loc"]), []).append(one)
        faults = [_fault(tree, key, errors) for key, errors in by_key.items()]
        raise ContractBroken(sorted(faults, key=lambda one: one.line)) from error


def _fault(tree: YamlTree, key: Key, errors: list[Any]) -> Fault:
    """Make one fault of all that pydantic says of a value, which may be of several types."""
    last = errors[-1]
    if last["type"] == "extra_forbidden":
        known = ", ".join(_allowed_keys(key[:-1]))
        return tree.fault(key, f"no such key; allowed here: {known}")
    if last["type"] == "missing":
        return tree.fault(key, "is required")
    message = _message(errors)
    if last["type"] == "model_type":
        message += f" with the keys {', '.join(_allowed_keys(key))}"
    got = repr(last["input"])
    shown = got if len(got) <= _MAX_SHOWN else f"{got[: _MAX_SHOWN - 3]}..."
    return tree.fault(key, f"{message} (got {shown})")


def _message(errors: list[Any]) -> str:
    other = [one["msg"] for one in errors if one["type"] not in _KINDS]
    if other:
        return str(other[-1]).removeprefix("Value error, ").replace("Input should be", "must be")
    types = dict.fromkeys(one["type"] for one in errors)
    if "float_type" in types:
        types.pop("int_type", None)  # a whole number is a number
    return f"must be {' or '.join(_KINDS[one] for one in types)}"


def _key_in_file(tree: YamlTree, location: Key) -> Key:
    """Drop the names of union members, which pydantic puts into a fault's place."""
    key: Key = ()
    for part in location:
        longer = (*key, part)
        if longer in tree.lines or (part == location[-1] and part != _NAME_OF_A_KEY):
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
