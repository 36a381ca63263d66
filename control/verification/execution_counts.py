"""How many requests Triton has put into how many runs of a model."""

from dataclasses import dataclass

from control.verification.asking import Subject


@dataclass(frozen=True, slots=True)
class Executions:
    """What was answered so far, and in how many runs."""

    requests: int
    runs: int

    def shared_since(self, before: "Executions") -> int:
        """Give how many requests have joined another's run; counts begin anew with each load."""
        requests, runs = self.requests - before.requests, self.runs - before.runs
        if requests < 0 or runs < 0:
            requests, runs = self.requests, self.runs
        return max(0, requests - runs)


async def executions(subject: Subject) -> Executions:
    """Read the counts of a version."""
    path = f"/v2/models/{subject.name}/versions/{subject.version}/stats"
    document = await subject.triton.document(path)
    (stats,) = document["model_stats"]
    answered = stats["inference_stats"]["success"].get("count", 0)
    return Executions(int(answered), int(stats.get("execution_count", 0)))
