"""Reads ``config.pbtxt`` as Triton does, into the JSON form that Triton answers with."""

from pathlib import Path
from typing import Any

from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

from control.contracts.faults import ContractBroken, Fault
from control.repository.names import CONFIG


def read_config(folder: Path) -> dict[str, Any]:
    """Parse a model's config; raises ContractBroken with the line of the fault."""
    try:
        text = (folder / CONFIG).read_bytes()
    except OSError as error:
        raise _broken(0, f"cannot be read: {error.strerror}") from error
    return config_document(text, folder.name)


def config_document(text: bytes, model: str) -> dict[str, Any]:
    """Give the config of the model of that name in JSON form; raises as ``parse_config``."""
    config = parse_config(text, model)
    document: dict[str, Any] = json_format.MessageToDict(config, preserving_proto_field_name=True)
    return document


def parse_config(text: bytes, model: str) -> model_config_pb2.ModelConfig:
    """Parse the config of the model of that name; raises ContractBroken with the fault's line."""
    config = model_config_pb2.ModelConfig()
    try:
        text_format.Parse(text, config)
    except text_format.ParseError as error:
        message = str(error).partition(" : ")[2] or str(error)
        raise _broken(error.GetLine() or 0, f"is not a model config: {message}") from error
    except UnicodeDecodeError as error:
        raise _broken(0, f"is not UTF-8 at byte {error.start}") from error
    if config.name and config.name != model:
        raise _broken(0, f"name is '{config.name}', the folder is '{model}'")
    config.name = model
    return config


def _broken(line: int, message: str) -> ContractBroken:
    return ContractBroken([Fault(CONFIG, line, "", message)])
