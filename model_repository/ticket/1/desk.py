"""What the support desk has declared: its queues, what makes a ticket urgent, and how to say so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GENERAL: Final = "general"
ON_CALL: Final = "on-call"

#: Words that belong into a queue, as beginnings: a ticket goes where most of them are found.
QUEUES: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(rf"\b(?:{words})\w*", re.IGNORECASE)
    for name, words in {
        "account": "sign(?:ed)? in|log ?in|password|account|locked|two-factor|e?mail address",
        "billing": "invoice|bill|pay|paid|refund|charge|price|subscription|credit card|seat",
        "technical": "error|crash|outage|down|slow|bug|broke|fail|timeout|time out|lost data",
    }.items()
}
#: The language of the words above, and of the lexicon.
READ_LANGUAGE: Final = "en"

PRIORITY_POINTS: Final = {"low": 0.0, "normal": 0.1, "high": 0.25, "critical": 0.4}
TIER_POINTS: Final = {1: 0.0, 2: 0.05, 3: 0.15}
#: Somebody waits on the line.
CHANNEL_POINTS: Final = {"phone": 0.1, "chat": 0.05}
TONE_POINTS: Final = 0.3
OPEN_TICKET_POINTS: Final = 0.02
MOST_OPEN_POINTS: Final = 0.1

#: From here on nobody waits for the next working day.
ON_CALL_FROM: Final = 0.6
WORKING_DAYS: Final = range(5)
WORKING_HOURS: Final = range(8, 18)

#: What a reason is called, by locale and rule.
WORDING: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "priority": "The customer's own priority",
        "tier": "The customer's contract",
        "channel": "Somebody waits on the line",
        "tone": "The tone of the message",
        "history": "Other open tickets of this customer",
        "language": "Not in English, so nothing of it was read",
        "off_hours": "Urgent outside working hours",
    },
    "de": {
        "priority": "Die eigene Einstufung des Kunden",
        "tier": "Der Vertrag des Kunden",
        "channel": "Jemand wartet in der Leitung",
        "tone": "Der Ton der Nachricht",
        "history": "Weitere offene Anfragen dieses Kunden",
        "language": "Nicht auf Englisch, also nicht gelesen",
        "off_hours": "Dringend außerhalb der Arbeitszeit",
    },
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one ticket; `positive` is its tone 0..1, `open` counts other tickets."""

    text: str
    priority: str
    language: str
    positive: float
    tier: int
    channel: str
    open: float
    in_hours: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """How urgent a ticket is and who reads it, with what each declared rule has added."""

    urgency: float
    queue: str
    points: Mapping[str, float]


def judge(facts: Facts) -> Verdict:
    """Apply all declared rules."""
    points = {
        "priority": PRIORITY_POINTS.get(facts.priority, PRIORITY_POINTS["normal"]),
        "tier": TIER_POINTS.get(facts.tier, 0.0),
        "channel": CHANNEL_POINTS.get(facts.channel, 0.0),
        "history": min(MOST_OPEN_POINTS, OPEN_TICKET_POINTS * max(0.0, facts.open)),
    }
    if facts.language == READ_LANGUAGE:
        points["tone"] = TONE_POINTS * (1 - facts.positive)
    points = {rule: round(one, 3) for rule, one in points.items() if one}
    urgency = min(1.0, sum(points.values()))
    queue = choose_queue(facts.text)
    if facts.language != READ_LANGUAGE:
        queue, points["language"] = GENERAL, 0.0
    if urgency >= ON_CALL_FROM and not facts.in_hours:
        queue, points["off_hours"] = ON_CALL, 0.0
    return Verdict(urgency, queue, points)


def choose_queue(text: str) -> str:
    """Give the queue of which most words are in the text; the first of several."""
    found = {name: len(words.findall(text)) for name, words in QUEUES.items()}
    best = max(found, key=lambda name: found[name])
    return best if found[best] else GENERAL
