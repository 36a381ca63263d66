"""Takes models over that are served already and have no record: those of the first start."""

from control.controller.rollouts.book import RolloutBook
from control.controller.rollouts.places import Places
from control.core.rollout import Step
from control.core.rollout_begin import adopt
from control.errors import StateConflict
from control.repository.names import version_of
from control.repository.refusals import SourceChanged, SourceRefused
from control.repository.served import ServedRepository
from control.state.audit import Act


def adopt_served(book: RolloutBook, places: Places, now_s: float) -> None:
    """Make the missing records; reads all files of the models that it takes over."""
    served = places.served
    if not served.exists():
        return
    for model in served.models():
        versions = served.live_versions(model)
        if book.record(model) is not None or not versions:
            continue
        digests = {one: served.version_digest(model, one) for one in versions}
        others = _versions_in_source(places, model)
        record = adopt(model, digests, others, now_s, _model_digest(served, model))
        step = Step(record, "model_adopted", "it was served before there was a record of it")
        try:
            book.commit(None, step, Act("seawall", "", now_s, step.reason))
        except StateConflict:
            continue  # another controller was quicker; its record holds


def _model_digest(served: ServedRepository, model: str) -> str:
    try:
        return served.model_digest(model)
    except (SourceRefused, SourceChanged):
        return ""  # the model has put something there that nobody can read


def _versions_in_source(places: Places, model: str) -> list[int]:
    try:
        names = [one.name for one in places.source_model(model).iterdir() if one.is_dir()]
    except OSError:
        return []
    return [number for number in map(version_of, names) if number is not None]
