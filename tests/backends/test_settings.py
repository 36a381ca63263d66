import pytest

from backends.guarded.settings import Settings, parameters_of, parse_settings


def test_defaults() -> None:
    """Without parameters: one thread and no limits."""
    assert parse_settings({}) == Settings(1, None, None)


def test_parameters_are_read_from_tritons_form() -> None:
    """Triton wraps every parameter in `string_value`."""
    config = {"parameters": {"threads": {"string_value": "2"}, "x": {"string_value": "y"}}}
    assert parameters_of(config) == {"threads": "2", "x": "y"}
    assert parse_settings(parameters_of(config)).threads == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", "0"),
        ("threads", "two"),
        ("memory_limit_mb", "-5"),
        ("gpu_memory_fraction", "1.5"),
        ("gpu_memory_fraction", "nan"),
        ("gpu_memory_fraction", "half"),
    ],
)
def test_a_bad_parameter_is_named(name: str, value: str) -> None:
    """A typo fails the load, with the parameter and the value in the message."""
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        parse_settings({name: value})
