"""The table of rules in the reference has every rule that a violation can name."""

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from control.contracts.document import ContractDocument

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("control/core", "control/contracts", "control/gateway", "control/http")
TREES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
    for place in PLACES
    for path in sorted((ROOT / place).rglob("*.py"))
}

#: These give a violation a name that they got from one of the other sources.
PASS_ON = {
    "control/core/number_rules.py",
    "control/core/across_rules.py",
    "control/contracts/text_rules.py",
}
#: What names a rule: a call with so many arguments, of which one is the name. A tuple that is
#: yielded or returned is one too.
SOURCES = [("Violation", 4, 1), ("_first", 4, 3), ("TokenSum", 3, 0), ("tuple", 4, 1)]


def calls(tree: ast.AST) -> Iterator[tuple[str, list[ast.expr]]]:
    """Every call by a plain name, and every tuple that is given, with what is in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id, [*node.args, *(one.value for one in node.keywords)]
        elif isinstance(node, ast.Yield | ast.Return) and isinstance(node.value, ast.Tuple):
            yield "tuple", node.value.elts


def emitted() -> dict[str, str]:
    """Every rule's name, with a file that gives it."""
    found: dict[str, str] = {}
    for path, tree in TREES.items():
        for name, given in calls(tree):
            for wanted, count, place in SOURCES:
                if (name, len(given)) != (wanted, count) or (
                    name == "tuple" and path not in PASS_ON
                ):
                    continue
                one = given[place]
                if isinstance(one, ast.Constant):
                    found[str(one.value)] = path
                else:
                    assert path in PASS_ON, path
    return found


@pytest.fixture(scope="module")
def table() -> dict[str, str]:
    """The table, as the reference page has it."""
    page = ROOT / "docs" / "reference" / "generate.py"
    spec = importlib.util.spec_from_file_location("reference_pages", page)
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    rules: dict[str, str] = pages.RULES
    return rules


def test_every_rule_is_in_the_table(table):
    """A client finds what it was told; nothing is in the table that no code says."""
    assert sorted(emitted()) == sorted(table)


def test_names_are_looked_for_where_they_are():
    """The search finds what is known to be there, in each kind of place."""
    found = emitted()
    assert found["batch_size"] == "control/core/contract.py"
    assert found["finite"] == "control/core/number_rules.py"
    assert found["context"] == "control/contracts/compile.py"
    assert found["min_chars"] == "control/contracts/text_rules.py"
    assert found["element_count"] == "control/gateway/codec/infer_request.py"


def test_every_key_is_on_the_page():
    """Whatever a contract file may say, the page describes."""
    page = (ROOT / "docs" / "reference" / "contract.md").read_text()
    schema = ContractDocument.model_json_schema()
    for part in (schema, *schema["$defs"].values()):
        for key in part["properties"]:
            assert f"\n| `{key}` |" in page, key
