"""Configs that cannot be served are found, and good ones are read once."""

from pathlib import Path

import pytest

from control.repository import config_faults
from control.repository.config_faults import ConfigFaults
from control.repository.model_files import config_fault
from control.repository.scan import look_at
from control.repository.tree import read_model_files
from tests.repository.source_models import CONFIG, write_model


def test_only_what_is_new_or_broken_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at a large repository stays quick; a broken one may be mended by its mode alone."""
    read: list[str] = []

    def reading(tree, model):
        read.append(model)
        return config_fault(tree, model)

    monkeypatch.setattr(config_faults, "config_fault", reading)
    write_model(tmp_path, "good", 1)
    broken = write_model(tmp_path, "broken", 1, config="max_batch_size: many") / "config.pbtxt"
    (write_model(tmp_path, "without", 1) / "config.pbtxt").unlink()
    faults = ConfigFaults()
    for _ in range(2):
        look = look_at(tmp_path)
        faults.find(look)
        assert "max_batch_size" in look.models["broken"].files.fault
        assert {look.models[one].files.fault for one in ("good", "without")} == {""}
    assert sorted(read) == ["broken", "broken", "good"]
    broken.write_text(CONFIG)
    look = look_at(tmp_path)
    faults.find(look)
    assert look.models["broken"].files.fault == ""


def test_a_config_that_is_gone_by_now_is_no_fault(tmp_path: Path) -> None:
    """The next look tells."""
    model = write_model(tmp_path, "m", 1)
    tree = read_model_files(model)
    (model / "config.pbtxt").unlink()
    assert config_fault(tree, "m") == ""
