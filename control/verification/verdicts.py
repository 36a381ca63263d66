"""How a check ends other than well."""


class Bad(Exception):
    """The version is bad; the message says what, where, the limit and what was got."""


class Skipped(Exception):
    """The check does not apply to this version; the message says why."""


class CannotJudge(Exception):
    """Nothing can be said of the version, and it is not its fault; the message says why."""


class ServerSilent(CannotJudge):
    """Nor can anything be said here, but the version may have brought that about."""


class Starved(CannotJudge):
    """The version was not let run for so long that Triton took it for dead."""
