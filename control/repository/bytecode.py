"""Compiles a version's Python beforehand.

Triton initialises a live version anew when anything in its folder changes, and the bytecode that
Python itself would write there at the first import is such a change.
"""

import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from control.observability.logs import get_logger

_TIMEOUT_S: Final = 120.0
_MAX_MEMORY_BYTES: Final = 4 * 1024**3

_log = get_logger("repository")


def compile_python(folders: Sequence[Path]) -> None:
    """Compile what compiles of the folders' Python files; what does not is left to the loading.

    In a process of its own: source code exists that crashes Python's compiler. The bytecode never
    looks at its source again, so that nothing writes it anew.
    """
    if not any(next(folder.rglob("*.py"), None) for folder in folders):
        return
    command = [
        *(sys.executable, "-I", "-S", "-m", "compileall", "-qq"),
        *("--invalidation-mode", "unchecked-hash", *map(str, folders)),
    ]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
        try:
            process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _log.warning("compilation_given_up", after_s=_TIMEOUT_S)
