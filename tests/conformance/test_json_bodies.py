"""JSON bodies as people write them by hand: the same status and the same values on both sides."""

import json

import pytest

from tests.conformance.json_requests import echo
from tests.support.answers import same
from tests.support.exchange import post_json

pytestmark = pytest.mark.triton


def identity(**changed: object):
    """A request for the identity model; a None leaves the key out."""
    tensor = {"name": "INPUT0", "datatype": "FP32", "shape": [1, 2], "data": [1.5, -2.25]}
    return {"inputs": [{key: one for key, one in {**tensor, **changed}.items() if one is not None}]}


def text(value="hi", **more: object):
    """A request for the text model, which tells what it sees."""
    given = {"name": "TEXT", "datatype": "BYTES", "shape": [1, 1], "data": [value]}
    return {"inputs": [given], **more}


FP32 = '{"inputs":[{"name":"INPUT0","datatype":"FP32","shape":[1,3],"data":[%s]}]}'

ANSWERED = {
    "plain": ("identity", identity()),
    "integers for floats": ("identity", identity(data=[1, 2])),
    "nested": ("identity", identity(data=[[1.5, 2.5]])),
    "ragged": ("identity", identity(shape=[1, 3], data=[[1.0, 2.0], [3.0]])),
    "deep": ("identity", identity(data=[[[[1.0]], 2.0]])),
    "empty": ("identity", identity(shape=[1, 0], data=[])),
    "id": ("identity", {**identity(), "id": 'a " \\ ü'}),
    "empty id": ("identity", {**identity(), "id": ""}),
    "unknown keys": ("identity", {**identity(more={"a": [1]}), "x": {"y": [1, {}]}}),
    "no outputs named": ("identity", {**identity(), "outputs": []}),
    "no parameters": ("identity", {**identity(), "parameters": {}}),
    "output asked for as JSON": (
        "identity",
        {**identity(), "outputs": [{"name": "OUTPUT0", "parameters": {"binary_data": False}}]},
    ),
    "named outputs win over the binary default": (
        "identity",
        {
            **identity(),
            "parameters": {"binary_data_output": True},
            "outputs": [{"name": "OUTPUT0"}],
        },
    ),
    "parameters of an input": ("identity", identity(parameters={"own": 1})),
    "blanks": ("identity", json.dumps(identity(), indent=8) + "\n\n"),
    "escaped keys": ("identity", json.dumps(identity()).replace("inputs", "\\u0069nputs")),
    "not a number": ("identity", FP32 % "NaN, Infinity, -Infinity"),
    "exponents": ("identity", FP32 % "1e5, 1E-5, 1.0e+2"),
    "negative zero": ("identity", FP32 % "-0.0, -0, 0"),
    "long fractions": (
        "identity",
        FP32 % "0.100000000000000005551115123125, 3.14159265, 1e-300",
    ),
    "bool": ("every_type", echo("BOOL", [True, False])),
    "uint64": ("every_type", echo("UINT64", [0, 2**63, 2**64 - 1])),
    "int64": ("every_type", echo("INT64", [-(2**63), 2**63 - 1, 2**53 + 1])),
    "fp64": ("every_type", echo("FP64", [0.1, 1e308, 5e-324, -1.5])),
    "bytes": ("every_type", echo("BYTES", ["a", "", "\x00", "ü🌊", "</script>", "\u2028"])),
    "parameters": ("text", text(parameters={"a": 1, "b": "x", "c": True, "d": 0.5, "e": 2**65})),
    "scheduling": ("text", text(parameters={"priority": 0, "timeout": 10**7, "sequence_id": "s"})),
    "classes": (
        "text",
        {**text(), "outputs": [{"name": "THIRDS", "parameters": {"classification": 2}}]},
    ),
    "two outputs, the last first": ("text", text(outputs=[{"name": "THIRDS"}, {"name": "SEEN"}])),
}


@pytest.mark.parametrize(("model", "document"), ANSWERED.values(), ids=ANSWERED)
def test_the_same_answer(direct, guard, model, document):
    """Status, keys, order of outputs, shapes and every value are Triton's."""
    path = f"/v2/models/{model}/infer"
    theirs, ours = post_json(direct, path, document), post_json(guard, path, document)
    assert (theirs.status, ours.status) == (200, 200)
    assert same(theirs.document, ours.document)
    assert theirs.headers["content-type"] == ours.headers["content-type"]


#: Triton answers some of these with 500, as if it had failed itself; Seawall tells the client.
MALFORMED = {
    "no JSON": "hello",
    "half an object": '{"inputs": [',
    "a list": "[]",
    "a number": "5",
    "null": "null",
    "no inputs": {},
    "inputs null": {"inputs": None},
    "inputs an object": {"inputs": {}},
    "inputs of numbers": {"inputs": [1]},
    "an empty input": {"inputs": [{}]},
    "no name": identity(name=None),
    "name a number": identity(name=5),
    "no datatype": identity(datatype=None),
    "unknown datatype": identity(datatype="FP8"),
    "datatype in small letters": identity(datatype="fp32"),
    "no shape": identity(shape=None),
    "shape a number": identity(shape=2),
    "shape of texts": identity(shape=["1", "2"]),
    "shape of floats": identity(shape=[1.5, 2]),
    "negative dimension": identity(shape=[1, -2]),
    "dimension past 64 bits": identity(shape=[1, 2**64]),
    "no data": identity(data=None),
    "data an object": identity(data={}),
    "data too short": identity(data=[1.0]),
    "data too long": identity(data=[1.0, 2.0, 3.0]),
    "texts for floats": identity(data=["1", "2"]),
    "null for floats": identity(data=[None, 1.0]),
    "booleans for floats": identity(data=[True, False]),
    "objects for floats": identity(data=[{}, {}]),
    "a float past FP64": FP32 % "1, 2, 1e400",
    "outputs an object": {**identity(), "outputs": {}},
    "output without a name": {**identity(), "outputs": [{}]},
    "id a number": {**identity(), "id": 5},
    "parameters a list": {**identity(), "parameters": []},
    "parameter null": {**identity(), "parameters": {"a": None}},
    "parameter a list": {**identity(), "parameters": {"a": [1]}},
    "parameter an object": {**identity(), "parameters": {"a": {}}},
    "priority a text": {**identity(), "parameters": {"priority": "high"}},
    "timeout below zero": {**identity(), "parameters": {"timeout": -1}},
    "sequence start a text": {**identity(), "parameters": {"sequence_start": "yes"}},
    "sequence id too long": {**identity(), "parameters": {"sequence_id": "s" * 129}},
    "parameter named with a NUL": {**identity(), "parameters": {"a\0b": 1}},
    "binary default a text": {**identity(), "parameters": {"binary_data_output": "yes"}},
    "binary size below zero": identity(data=None, parameters={"binary_data_size": -8}),
    "binary size a text": identity(data=None, parameters={"binary_data_size": "8"}),
    "binary size without data": identity(data=None, parameters={"binary_data_size": 8}),
    "classes below zero": {
        **identity(),
        "outputs": [{"name": "OUTPUT0", "parameters": {"classification": -1}}],
    },
    "classes a text": {
        **identity(),
        "outputs": [{"name": "OUTPUT0", "parameters": {"classification": "2"}}],
    },
    "trailing comma": FP32 % "1, 2, 3,",
    "comment": "/* hi */" + json.dumps(identity()),
    "followed by more": json.dumps(identity()) + " x",
    "single quotes": json.dumps(identity()).replace('"', "'"),
    "control character in a text": json.dumps(text("x")).replace('"x"', '"\x01"'),
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED)
def test_malformed_bodies_are_refused(direct, guard, document):
    """Neither side answers 200; Seawall says 400, why, and under which id."""
    path = "/v2/models/identity/infer"
    theirs, ours = post_json(direct, path, document), post_json(guard, path, document)
    assert theirs.status in {400, 500, 501}
    assert ours.status == 400
    assert ours.document["code"] == "malformed_request"
    assert ours.document["error"]
    assert ours.document["request_id"] == ours.headers["x-request-id"]
