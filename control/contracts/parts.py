"""What a contract document is built of: mappings with known keys, names, and bounded numbers."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr

#: Whole numbers beyond 64 bits become floats: no datatype, and no JSON of a client, holds more.
_Whole = Annotated[StrictInt, Field(ge=-(2**63), le=2**64 - 1)]
Number = _Whole | Annotated[StrictFloat, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**40, strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Scalar = StrictBool | Number | StrictStr

_HOUR_MS: Final = 3_600_000
_MONTH_S: Final = 30 * 86_400

#: Up to an hour: longer than any request is waited for.
Milliseconds = Annotated[float, Field(ge=1, le=_HOUR_MS, strict=True, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0.001, le=_MONTH_S, strict=True, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=1, le=100, strict=True, allow_inf_nan=False)]
#: A percentage that may be nothing.
Share = Annotated[float, Field(ge=0, le=100, strict=True, allow_inf_nan=False)]
Version = Annotated[int, Field(ge=1, le=2**62, strict=True)]


class Part(BaseModel):
    """A mapping whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
