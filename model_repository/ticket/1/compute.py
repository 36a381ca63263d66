"""How urgent a support ticket is, and who should read it: VADER's lexicon and a desk's rules.

What the desk has declared stands in `desk.py`; this reads the tensors and writes the answer.
"""

import datetime as dt
import json
from typing import Any

import desk
import numpy as np

from backends.guarded import Context, InputError, Parameters, Tensors
from backends.guarded.encoders.lexicon import Lexicon
from backends.guarded.text import decode_text, label_column, score_column


class Model:
    """Obeys `explain` and `locale`."""

    def __init__(self, context: Context) -> None:
        self._lexicon = Lexicon(context.version_dir / "weights")

    def compute(self, inputs: Tensors) -> Tensors:
        """TICKET and what else is known of it to URGENCY, QUEUE and an empty EXPLANATION."""
        return self.compute_with(inputs, {})

    def compute_with(self, inputs: Tensors, parameters: Parameters) -> Tensors:
        """Answer with reasons where `explain` is true, worded for `locale`."""
        verdicts = [desk.judge(facts) for facts in self._read(inputs)]
        explain = bool(parameters.get("explain"))
        locale = str(parameters.get("locale"))
        return {
            "URGENCY": score_column([one.urgency for one in verdicts]),
            "QUEUE": label_column([one.queue for one in verdicts]),
            "EXPLANATION": label_column(
                [reasons(one, locale) if explain else "[]" for one in verdicts]
            ),
        }

    def _read(self, inputs: Tensors) -> list[desk.Facts]:
        tickets = read_tickets(inputs)
        count = len(tickets)
        tiers = inputs.get("TIER", np.ones((count, 1), np.int32))
        history = np.nan_to_num(inputs.get("HISTORY", np.zeros((count, 2), np.float32)))
        channels = decode_text(inputs["CHANNEL"], "CHANNEL") if "CHANNEL" in inputs else []
        hours = read_hours(inputs) or [True] * count
        texts = [_text(ticket) for ticket in tickets]
        return [
            desk.Facts(
                text=texts[row],
                priority=str(ticket.get("priority", "normal")),
                language=str(ticket.get("language", desk.READ_LANGUAGE)),
                positive=self._lexicon.positive(texts[row]),
                tier=int(tiers[row, 0]),
                channel=channels[row] if channels else "",
                open=float(history[row, 0]),
                in_hours=hours[row],
            )
            for row, ticket in enumerate(tickets)
        ]


def read_tickets(inputs: Tensors) -> list[dict[str, Any]]:
    """Read the JSON of every row; one InputError names those that hold no ticket."""
    tickets: list[dict[str, Any]] = []
    faults: dict[int, str] = {}
    for row, text in enumerate(decode_text(inputs["TICKET"], "TICKET")):
        try:
            ticket = json.loads(text)
            _text(ticket)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            faults[row] = f"TICKET is no ticket: {type(error).__name__}"
        else:
            tickets.append(ticket)
    if faults:
        raise InputError("TICKET is no ticket", rows=faults)
    return tickets


def _text(ticket: dict[str, Any]) -> str:
    files = " ".join(str(one["name"]) for one in ticket.get("attachments", []))
    return f"{ticket['subject']}. {ticket['body']} {files}".strip()


def read_hours(inputs: Tensors) -> list[bool]:
    """Tell for each row whether it came in working hours; nothing without RECEIVED."""
    hours: list[bool] = []
    faults: dict[int, str] = {}
    texts = decode_text(inputs["RECEIVED"], "RECEIVED") if "RECEIVED" in inputs else []
    for row, text in enumerate(texts):
        try:
            moment = dt.datetime.strptime(f"{text.removesuffix('Z')}+0000", "%Y-%m-%dT%H:%M%z")
        except ValueError:
            faults[row] = "RECEIVED is no minute of UTC"
        else:
            in_hours = moment.hour in desk.WORKING_HOURS
            hours.append(moment.weekday() in desk.WORKING_DAYS and in_hours)
    if faults:
        raise InputError("RECEIVED is no minute of UTC", rows=faults)
    return hours


def reasons(verdict: desk.Verdict, locale: str) -> str:
    """Write down what each rule has added, worded for a locale."""
    wording = desk.WORDING.get(locale, desk.WORDING["en"])
    found = [
        {"rule": rule, "points": points, "text": wording[rule]}
        for rule, points in verdict.points.items()
    ]
    return json.dumps(found, ensure_ascii=False)
