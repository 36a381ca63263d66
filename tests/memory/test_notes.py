"""What processes held when they were fresh."""

from pathlib import Path

from control.memory.notes import MemoryNotes


def test_growth_up_to_the_prediction_belongs_to_requests(tmp_path: Path) -> None:
    """What a process uses beyond that nobody has predicted: it is the model's own."""
    notes = MemoryNotes(tmp_path)
    assert notes.reusable("7-1", 100, 0) == 0
    assert notes.reusable("7-1", 150, 80) == 50
    assert notes.reusable("7-1", 300, 10) == 80


def test_a_smaller_use_than_before_is_the_fresh_one(tmp_path: Path) -> None:
    """Who looked first at a busy process has seen too much."""
    notes = MemoryNotes(tmp_path)
    notes.reusable("7-1", 500, 400)
    notes.reusable("7-1", 100, 0)
    assert notes.reusable("7-1", 500, 0) == 400


def test_a_worker_that_starts_later_knows_what_was_seen(tmp_path: Path) -> None:
    """The heap that requests have left is not taken for the model."""
    first = MemoryNotes(tmp_path)
    first.reusable("7-1", 100, 0)
    first.reusable("7-1", 400, 300)
    assert MemoryNotes(tmp_path).reusable("7-1", 400, 0) == 300


def test_notes_of_the_dead_go(tmp_path: Path) -> None:
    """Files are kept for processes that live."""
    notes = MemoryNotes(tmp_path)
    notes.reusable("7-1", 100, 0)
    notes.reusable("8-1", 100, 0)
    notes.keep_only({"8-1"})
    assert [one.name for one in tmp_path.iterdir()] == ["8-1"]


def test_a_folder_that_cannot_be_written_costs_nothing_now(tmp_path: Path) -> None:
    """Nor does a file that is damaged."""
    (tmp_path / "file").write_text("no folder")
    notes = MemoryNotes(tmp_path / "file")
    notes.reusable("7-1", 100, 50)
    assert notes.reusable("7-1", 120, 0) == 20
    (tmp_path / "9-1").write_text("{")
    assert MemoryNotes(tmp_path).reusable("9-1", 5, 0) == 0
