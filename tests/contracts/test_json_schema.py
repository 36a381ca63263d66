"""Texts that hold JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.contracts.engines import JsonSchema
from control.contracts.schema_outline import unfolded_size, without_branches

CHAT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/message"}},
        "temperature": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]},
    },
    "required": ["messages"],
    "additionalProperties": False,
    "$defs": {
        "message": {
            "type": "object",
            "properties": {"role": {"enum": ["user", "system"]}, "content": {"type": "string"}},
            "required": ["role", "content"],
        }
    },
}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=8,
)
LEAVES = st.sampled_from(
    [
        {"type": "integer"},
        {"type": ["string", "null"]},
        {"minimum": 0},
        {"maxLength": 1},
        {"required": ["a"]},
        {"const": 1},
        {"minItems": 1},
        True,
        {},
    ]
)


def with_keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of schemas, of every kind."""
    several = st.lists(inner, min_size=1, max_size=2)
    named = st.dictionaries(st.sampled_from("abc"), inner, max_size=2)
    keywords = {
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several),
        **dict.fromkeys(("items", "additionalProperties", "not", "if", "then", "else"), inner),
        **dict.fromkeys(("propertyNames", "contains", "unevaluatedProperties"), inner),
        **dict.fromkeys(("properties", "dependentSchemas", "patternProperties"), named),
    }
    chosen = st.sets(st.sampled_from(sorted(keywords)), min_size=1, max_size=3)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({k: keywords[k] for k in keys}))


SCHEMAS = st.recursive(LEAVES, with_keywords, max_leaves=6)


def faults(schema: Any, document: Any) -> list[tuple[str, str, str]]:
    """What is wrong with a document, written down as JSON unless it is bytes."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list(JsonSchema(schema).faults(text))


def test_every_fault_is_told_with_its_place():
    """Path, limit and what was got, for all that is wrong at once."""
    document = {
        "messages": [{"role": "user", "content": "hi"}, {"role": "boss"}],
        "temperature": -1,
        "top": 1,
    }
    found = {(place, limit.split(":")[0]): got for place, limit, got in faults(CHAT, document)}
    assert found == {
        (".messages[1].role", "enum"): '"boss"',
        (".messages[1]", "required"): '{"role": "boss"}',
        (".temperature", "anyOf"): "-1",
        ("", "additionalProperties"): json.dumps(document)[:61] + "...",
    }
    assert faults(CHAT, {"messages": [{"role": "user", "content": ""}], "temperature": None}) == []


@settings(deadline=None)
@given(SCHEMAS, JSON)
def test_exactly_what_is_valid_has_no_faults(schema, document):
    """How faults are listed never decides whether there are any."""
    compiled = JsonSchema(schema)
    valid = compiled._validator.is_valid(document)
    assert (faults(schema, document) == []) == valid


@settings(deadline=None)
@given(SCHEMAS, JSON)
def test_closing_branches_changes_no_verdict(schema, document):
    """The form of a schema that lists faults refuses what the schema refuses."""
    if "unevaluated" not in repr(schema):
        closed = JsonSchema(without_branches(schema))
        assert closed._validator.is_valid(document) == JsonSchema(schema)._validator.is_valid(
            document
        )


def nested(depth: int, keyword: str) -> dict[str, Any]:
    """A schema of two to the power of ``depth`` branches, all the same."""
    steps = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(depth)}
    return {"$defs": {**steps, f"d{depth}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf", "allOf"])
def test_listing_faults_costs_no_more_than_finding_one(keyword):
    """Faults are not collected of millions of branches; the answer is short."""
    assert len(faults(nested(21, keyword), "x")) == 1
    assert len(faults(nested(21, keyword), 1)) == (1 if keyword == "oneOf" else 0)


def test_branches_that_lead_to_themselves_end():
    """A tree of conditions, forty levels deep and wrong at its end, is refused."""
    branch = {
        "type": "object",
        "properties": {"of": {"type": "array", "items": {"$ref": "#"}}, "op": {"const": "and"}},
        "required": ["of", "op"],
    }
    other = {**branch, "properties": {**branch["properties"], "op": {"const": "or"}}}
    schema = {"oneOf": [branch, other, {"type": "integer"}]}
    document: Any = "bad"
    for _ in range(40):
        document = {"of": [document], "op": "or"}
    assert [limit for _, limit, _ in faults(schema, document)] == ["oneOf"]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}, {"type": "string"}]},
        {"not": {"$ref": "#"}},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    ],
)
def test_a_schema_that_refers_to_itself_ends(schema):
    """A circle in the schema is no circle in the check."""
    assert len(faults(schema, 5)) <= 16


def test_a_long_list_of_faults_is_not_made():
    """Of a megabyte of wrong numbers the first is told."""
    found = faults({"items": {"type": "string"}}, b"[" + b"1," * 500_000 + b"1]")
    assert found == [("[0]", "type: ['string']", "1")]


def test_what_is_shown_is_short():
    """Neither a large document, nor deep places, nor many names fill the answer."""
    big = {"x" * 500: ["y" * 500] * 1000, "z": list(range(100_000))}
    deep: Any = 1
    for _ in range(200):
        deep = {"a" * 100: deep}
    for schema, document in (
        ({"maxProperties": 1}, big),
        ({"additionalProperties": False}, big),
        ({"additionalProperties": {"$ref": "#"}, "type": "object"}, deep),
        ({"enum": ["w" * 500] * 500}, big),
        ({"not": {"const": "v" * 500}}, "v" * 500),
    ):
        for place, limit, got in faults(schema, document):
            assert len(place) <= 33 * 66
            assert len(limit) <= 256
            assert len(got) <= 64


@pytest.mark.parametrize(
    "text",
    [
        *[b"", b" ", b"{", b"nul", b"1 2", b"{'a':1}", b'{"a":1,}', b"NaN", b"1e999", b'"\xff"'],
        *[b'"\\ud800"', b"\xef\xbb\xbf1", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000],
    ],
)
def test_what_is_no_json_is_told_once(text):
    """Not JSON, too deep, or a number without end: one fault, about JSON."""
    ((place, limit, got),) = faults({}, text)
    assert (place, limit) == ("", "JSON")
    assert 0 < len(got) <= 64


@pytest.mark.parametrize("number", [b"18446744073709551616", b"-" + b"9" * 60, b"1e300"])
def test_huge_numbers_are_compared(number):
    """A number beyond 64 bits is a number, and above the maximum."""
    found = faults({"type": "number", "minimum": -5, "maximum": 5}, number)
    assert [limit.split(":")[0] for _, limit, _ in found] in (["maximum"], ["minimum"])


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"$ref": "http://localhost/x.json"}, "Retrieval is disabled"),
        ({"$ref": "https://json-schema.org/draft-07/schema"}, ""),
        ({"$ref": "file:///etc/passwd"}, "Retrieval is disabled"),
        ({"$ref": "other.json"}, "other.json"),
        ({"$id": "http://localhost/a", "$ref": "b"}, "http://localhost/b"),
        ({"$ref": "#/nowhere"}, "/nowhere"),
        ({"$dynamicRef": "#nowhere"}, "nowhere"),
        ({"type": "text"}, "at type"),
        ({"properties": {"a": {"minLength": -1}}}, "at properties/a/minLength"),
        ({"pattern": "(a"}, "regex"),
        ({"pattern": "(?=a)"}, "regex"),
        ({"pattern": r"(a)\1"}, "regex"),
        ([1], ""),
        (5, ""),
        ("text", ""),
        (None, ""),
        ({"maximum": float("nan")}, ""),
        ({"const": "\ud800"}, ""),
    ],
)
def test_a_schema_that_is_none_or_leads_outside_is_refused(schema, reason):
    """Nothing is fetched, no file is read, and the author learns where the fault is."""
    with pytest.raises(ValueError, match="is not a JSON Schema") as caught:
        JsonSchema(schema)
    assert reason in str(caught.value)


def test_a_schema_that_is_too_deep_is_refused():
    """It does not take the process along."""
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"not": schema}
    with pytest.raises(ValueError, match="is not a JSON Schema"):
        JsonSchema(schema)


def test_references_inside_are_followed():
    """By pointer, by anchor, and into a branch."""
    by_anchor = {"$defs": {"n": {"$anchor": "num", "type": "integer"}}, "items": {"$ref": "#num"}}
    into = {"properties": {"a": {"$ref": "#/anyOf/0"}}, "anyOf": [{"type": "integer"}, True]}
    assert faults(by_anchor, [1, 2]) == []
    assert [place for place, _, _ in faults(by_anchor, [1, "x"])] == ["[1]"]
    assert faults(into, {"a": 1}) == []
    assert [limit for _, limit, _ in faults(into, {"a": "x"})] == ["JSON Schema"]


def test_patterns_within_a_schema_end_too():
    """The engine for them is linear as well."""
    schema = {"pattern": "^(a+)+$"}
    assert faults(schema, "a" * 100_000) == []
    assert len(faults(schema, "a" * 100_000 + "!")) == 1


def test_the_size_of_a_schema_counts_what_references_bring_in():
    """A schema without an end has no size."""
    assert unfolded_size({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}) == 4
    assert unfolded_size({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#"}}}}) is None
    assert unfolded_size({"$ref": "#/$defs/none"}) is None
    assert unfolded_size(nested(30, "anyOf")) is None
    assert unfolded_size({}) == 1


@pytest.mark.parametrize("depth", [100, 250, 300, 500, 900])
@pytest.mark.parametrize("open_close", [('{"x":', "}"), ("[", "]")])
def test_depth_is_refused_wherever_it_becomes_too_much(depth, open_close):
    """The parser, the engine and its list of faults each stop at a depth of their own."""
    opened, closed = open_close
    text = f'{{"tags":{opened * depth}1{closed * depth}}}'.encode()
    schema = JsonSchema({"properties": {"tags": {"type": "string"}}})
    (fault,) = schema.faults(text)
    assert all(isinstance(part, str) for part in fault)
