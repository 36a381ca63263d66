"""Rules of the layout, held by the code itself."""

import ast
import statistics
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("control", "backends")
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if "__pycache__" not in path.parts
)

#: Modules without I/O, clock, chance, threads or process state.
PURE = {
    "bisect",
    "collections",
    "collections.abc",
    "dataclasses",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "itertools",
    "math",
    "numpy",
    "numpy.typing",
    "operator",
    "re",
    "statistics",
    "struct",
    "types",
    "typing",
}
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "base", "types"}
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 40
MAX_MEDIAN_MODULE_LINES, MAX_MEDIAN_FUNCTION_LINES = 120, 8

#: Who may read the environment, and why.
READERS_OF_THE_ENVIRONMENT = {
    "control/cli/settings.py": "hands it to config.py",
    "control/launcher/launch.py": "passes it on to children",
    "control/triton/installation.py": "passes it on to tritonserver",
    "control/weights/fetch.py": "XDG_CACHE_HOME: where every program keeps its cache",
    "control/weights/index.py": "PIP_INDEX_URL: weights come from where pip's packages come from",
    "control/weights/transport.py": "PIP_CERT, SSL_CERT_FILE: likewise",
}


def name_of(path: Path) -> str:
    """A module's path from the root."""
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text(), str(path))


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Every module that a tree imports, also within functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module


def functions_of(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", sorted((ROOT / "control/core").glob("*.py")), ids=name_of)
def test_the_core_is_pure(path: Path) -> None:
    """What decides imports nothing that acts, waits, draws, logs or remembers."""
    foreign = {
        name
        for name in imports_of(parse(path))
        if name not in PURE and not name.startswith("control.core")
    }
    assert not foreign


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_named_after_what_is_in_it(path: Path) -> None:
    """A drawer for everything is no place."""
    assert BANNED_NAMES.isdisjoint({path.stem, *path.relative_to(ROOT).parts[:-1]})


def test_modules_are_short() -> None:
    """A module fits into a head: 300 lines at most, 120 as a rule."""
    lines = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    sizes = [count for count in lines.values() if count > 1]
    print(f"\nmodules: {len(sizes)}, median {statistics.median(sizes):g} lines, max {max(sizes)}")  # noqa: T201
    assert {name: count for name, count in lines.items() if count > MAX_MODULE_LINES} == {}
    assert statistics.median(sizes) <= MAX_MEDIAN_MODULE_LINES


def test_functions_are_short() -> None:
    """A function fits onto a screen: 40 lines at most, 8 as a rule."""
    lengths: dict[str, int] = {}
    for path in MODULES:
        for function in functions_of(parse(path)):
            assert function.end_lineno is not None
            key = f"{name_of(path)}:{function.lineno} {function.name}"
            lengths[key] = function.end_lineno - function.lineno + 1
    median = statistics.median(lengths.values())
    print(f"\nfunctions: {len(lengths)}, median {median:g} lines, max {max(lengths.values())}")  # noqa: T201
    assert {key: count for key, count in lengths.items() if count > MAX_FUNCTION_LINES} == {}
    assert median <= MAX_MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_left_to_do(path: Path) -> None:
    """What is not done is an issue, not a comment."""
    with path.open("rb") as file:
        comments = [
            one.string for one in tokenize.tokenize(file.readline) if one.type == tokenize.COMMENT
        ]
    assert [one for one in comments if "TODO" in one or "FIXME" in one or "XXX" in one] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_environment_is_read_in_known_places(path: Path) -> None:
    """Settings come from config.py: whoever else looks into the environment has a reason."""
    reads = any(
        isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "putenv"}
        for node in ast.walk(parse(path))
    )
    if name_of(path).startswith("control/"):
        assert reads == (name_of(path) in READERS_OF_THE_ENVIRONMENT)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """The first line of a module is its purpose."""
    if path.read_text().strip():
        assert ast.get_docstring(parse(path))


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=name_of)
def test_every_test_is_a_rule(path: Path) -> None:
    """A test's docstring is the rule that it holds."""
    silent = [
        function.name
        for function in functions_of(parse(path))
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def loaded_by(module: str) -> set[str]:
    """The modules in memory after one import in a fresh interpreter."""
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("module", "banned"),
    [
        (
            "control.gateway.process",
            {"torch", "onnxruntime", "safetensors", "pytriton"},
        ),
        ("control.gateway.process", {"grpc", "tritonclient", "control.controller", "typer"}),
        ("control.controller.process", {"torch", "onnxruntime", "control.gateway.pipeline"}),
        ("control.cli", {"torch", "onnxruntime", "tokenizers", "pytriton"}),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, banned: set[str]) -> None:
    """The gateway carries no model's libraries, and the planes do not carry each other."""
    assert banned.isdisjoint(loaded_by(module))
