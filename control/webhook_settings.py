"""The settings of webhooks. Their URLs may hold secrets: no fault and no log repeats them."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from control.config_section import Section
from control.http.service_url import ServiceUrl


def _split_list(value: object) -> object:
    """Take a list that is written as the environment can hold it, with commas."""
    if isinstance(value, str):
        return [one.strip() for one in value.split(",") if one.strip()]
    return value


def _check_urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    for number, url in enumerate(urls, 1):
        try:
            ServiceUrl.parse(url)
        except ValueError as error:
            message = f"URL {number} of {len(urls)} cannot be used: {error}"
            raise ValueError(message) from None
    return urls


Urls = Annotated[
    tuple[str, ...],
    BeforeValidator(_split_list),
    AfterValidator(_check_urls),
    Field(max_length=16, repr=False),
]


class WebhookSettings(Section):
    """Services that are asked, or told, of rollouts. Lists in the environment have commas."""

    pre_rollout: Urls = ()
    """URLs that are asked before a version gets traffic; all must answer 2xx, or it is rejected."""
    rollout: Urls = ()
    """URLs that are asked at the end of each step; until all answer 2xx, the next one waits."""
    rollback: Urls = ()
    """URLs that are asked all along a rollout; any 2xx rolls it back."""
    event: Urls = ()
    """URLs that are told of changes of phase or weight; their answers change nothing."""
    timeout_s: float = Field(5.0, gt=0.0, le=300.0)
    """Seconds that each try may take."""
    num_retries: int = Field(2, ge=0, le=10)
    """Further tries where there is no answer, or 429 or 5xx."""
    secret: str = Field("", repr=False)
    """Signs each body, by HMAC-SHA256 in the header `seawall-signature`; empty signs nothing."""
