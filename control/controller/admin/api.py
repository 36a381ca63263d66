"""How a part of the admin API is made: an APIBlueprint with what all parts have in common."""

from typing import Final

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from control.controller.admin.faults import refusals

PREFIX: Final = "/admin/v1"


def new_api(name: str, about: str) -> APIBlueprint:
    """Make an empty part; its paths begin with ``/admin/v1``, its refusals are documented."""
    return APIBlueprint(
        name,
        __name__,
        url_prefix=PREFIX,
        abp_tags=[Tag(name=name, description=about)],
        abp_responses=refusals(400, 401, 403, 405, 413, 415, 422, 500, 503),
    )


def answer(document: BaseModel, status: int = 200) -> Response:
    """Answer with a document."""
    return Response(document.model_dump_json(), status, content_type="application/json")


def answer_nothing() -> Response:
    """Answer that it is done."""
    return Response(status=204)
