"""``seawall check``: look through a repository before anything runs on it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, out, print_json
from control.observability.logs import configure_logs

if TYPE_CHECKING:
    from control.check.report import Report

_FAULTY = 1


def check(
    models: Annotated[list[str] | None, typer.Argument(help="Models; all without any.")] = None,
    config: ConfigFile = None,
    repository: Annotated[Path | None, typer.Option(help="Model repository.")] = None,
    load: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--load", help="Also load every version in a Triton of its own.")
    ] = False,
    as_json: JsonOutput = False,  # noqa: FBT002 - a flag
) -> None:
    """Check configs, contracts, golden requests, code and weights; exit status 1 means faults."""
    # Imported here: every other command starts faster without what contracts are checked with.
    from control.check.load import check_loading  # noqa: PLC0415
    from control.check.repository import check_repository  # noqa: PLC0415
    from control.triton.installation import TritonNotInstalled  # noqa: PLC0415

    settings = read_settings(config, {"triton.repository": repository})
    try:
        report = check_repository(settings.triton.repository, models or ())
        if load:
            configure_logs("check", level="error", form="auto")
            with err.status("loading every version in a tritonserver of its own"):
                asyncio.run(check_loading(settings, models or (), report))
    except (FileNotFoundError, NotADirectoryError) as error:
        fail(str(error))
    except TritonNotInstalled as error:
        fail(f"versions cannot be loaded: {error}")
    if as_json:
        print_json(report.document())
    else:
        _print(report)
    if report.faults:
        raise typer.Exit(_FAULTY)


def _print(report: "Report") -> None:
    for fault in report.faults:
        out.print(str(fault), style="red", soft_wrap=True)
    looked_at = ", ".join(f"{count} {kind}" for kind, count in report.checked.items())
    verdict = f"{len(report.faults)} fault(s)" if report.faults else "no faults"
    err.print(f"{verdict}; looked at {looked_at or 'nothing'}")
