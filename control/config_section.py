"""What every section of the settings has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Unknown keys are faults, nothing changes later, and a docstring says what each key means."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
