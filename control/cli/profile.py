"""``seawall profile``: what a model's requests cost, and the limits that follow from it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from control.cli.settings import ConfigFile, JsonOutput, read_settings
from control.cli.terminal import err, fail, out, print_json, print_table
from control.observability.logs import configure_logs

if TYPE_CHECKING:
    from control.config import Settings
    from control.profiling.measurement import Profile
    from control.profiling.proposal import Proposal

_MEBIBYTE = 1024 * 1024


def profile(
    model: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[
        int | None, typer.Option(min=1, help="The version (default: the newest that loads).")
    ] = None,
    write: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--write", help="Merge the limits into the model's contract file.")
    ] = False,
    config: ConfigFile = None,
    repository: Annotated[Path | None, typer.Option(help="Model repository.")] = None,
    as_json: JsonOutput = False,  # noqa: FBT002 - a flag
) -> None:
    """Measure memory and latency in a Triton of its own, and propose limits for the contract."""
    # Imported here: every other command starts faster without what contracts are checked with.
    from control.profiling.proposal import propose_limits  # noqa: PLC0415
    from control.profiling.scratch import CannotProfile  # noqa: PLC0415
    from control.profiling.writing import write_limits  # noqa: PLC0415
    from control.triton.installation import TritonNotInstalled  # noqa: PLC0415

    settings = read_settings(config, {"triton.repository": repository})
    configure_logs("profile", level="error", form="auto")
    try:
        found = _measure(settings, model, version)
        proposal = propose_limits(found)
        if write:
            file = write_limits(settings.triton.repository / model, found.version, proposal)
            err.print(f"limits written to '{file}'", soft_wrap=True)
    except (CannotProfile, FileNotFoundError, NotADirectoryError) as error:
        fail(str(error))
    except TritonNotInstalled as error:
        fail(f"model '{model}' cannot be profiled: {error}")
    if as_json:
        print_json(_document(found, proposal))
    else:
        _print(found, proposal)


def _measure(settings: "Settings", model: str, version: int | None) -> "Profile":
    from control.profiling.run import profile_model  # noqa: PLC0415

    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(f"starting Triton with {model}", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, description=f"measuring {model}", completed=done, total=total)

        return asyncio.run(profile_model(settings, model, version, show))


def _print(found: "Profile", proposal: "Proposal") -> None:
    where = f"on {found.instances} instance(s), {found.device}"
    err.print(f"model '{found.model}' version {found.version}, {where}", soft_wrap=True)
    if found.refused:
        refused = f"{found.refused} sizes were left out: the contract or the model refuses them"
        err.print(refused, soft_wrap=True)
    print_table(
        ("rows", "input bytes", "tokens", "p50 ms", "p99 ms", "MiB needed", "MiB predicted"),
        (
            (
                *(one.rows, one.input_bytes, one.tokens),
                *(f"{one.p50_s * 1000:.2f}", f"{one.p99_s * 1000:.2f}"),
                f"{one.memory_bytes / _MEBIBYTE:.1f}",
                f"{proposal.coefficients.predict(one) / _MEBIBYTE:.1f}",
            )
            for one in found.measurements
        ),
    )
    out.print(proposal.as_yaml(), end="", soft_wrap=True)


def _document(found: "Profile", proposal: "Proposal") -> dict[str, Any]:
    return {
        "model": found.model,
        "version": found.version,
        "instances": found.instances,
        "device": found.device,
        "loaded_bytes": found.loaded_bytes,
        "refused_sizes": found.refused,
        "useful_batch": proposal.useful_batch,
        "measurements": [
            {
                "rows": one.rows,
                "input_bytes": one.input_bytes,
                "tokens": one.tokens,
                "requests": one.requests,
                "p50_ms": round(one.p50_s * 1000, 3),
                "p99_ms": round(one.p99_s * 1000, 3),
                "memory_bytes": one.memory_bytes,
                "predicted_bytes": round(proposal.coefficients.predict(one)),
            }
            for one in found.measurements
        ],
        "limits": proposal.values,
    }
