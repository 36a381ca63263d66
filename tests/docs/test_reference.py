"""The reference pages say what the code does."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"

_spec = importlib.util.spec_from_file_location("reference_pages", REFERENCE / "generate.py")
assert _spec is not None
assert _spec.loader is not None
pages = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(pages)


@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_a_reference_page_is_what_the_code_gives(name):
    """Whoever changes a setting, series, error or admin endpoint runs `make docs`."""
    assert (REFERENCE / name).read_text() == pages.PAGES[name]()


def test_every_target_of_the_makefile_that_the_readme_names_exists():
    """The README's commands are those of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    readme = (ROOT / "README.md").read_text()
    for target in ("run", "test", "bench"):
        assert f"make {target}" in readme
        assert f"\n{target}:" in makefile


def test_every_file_that_the_readme_links_to_exists():
    """No link of the README leads nowhere."""
    for part in (ROOT / "README.md").read_text().split("](")[1:]:
        target = part.split(")")[0]
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
