"""One verification at a time has the scratch folder, whatever becomes of who began it."""

import subprocess

import pytest

from control.verification.sole_use import InUse, sole_use


def test_nobody_else_has_the_sole_use(tmp_path):
    """It is free again afterwards, also after a failure."""
    lock = tmp_path / "lock"
    for _ in range(2):
        with sole_use(lock), pytest.raises(InUse), sole_use(lock):
            pass
    with pytest.raises(BlockingIOError), sole_use(lock):
        raise BlockingIOError
    with sole_use(lock):
        pass


def test_a_process_that_inherits_it_keeps_it_to_its_end(tmp_path):
    """A controller that is killed leaves a verification that is still ending."""
    lock = tmp_path / "lock"
    with sole_use(lock) as descriptor:
        process = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    with pytest.raises(InUse), sole_use(lock):
        pass
    process.communicate()
    with sole_use(lock):
        pass
