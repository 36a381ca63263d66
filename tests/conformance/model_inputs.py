"""Inputs of the test models, and what the text model says it has seen."""

import json

import numpy as np
import tritonclient.http as triton


def one_input(name, values, datatype="FP32"):
    """An input in binary form."""
    made = triton.InferInput(name, values.shape, datatype)
    made.set_data_from_numpy(values)
    return made


def row(*values: float):
    """One row of FP32 values for the identity model."""
    return one_input("INPUT0", np.array([values], np.float32))


def texts(*values: str):
    """Rows of one text each for the text model."""
    return one_input("TEXT", np.array([[one.encode()] for one in values], np.object_), "BYTES")


def seen_by(result):
    """What the text model was given."""
    return json.loads(result.as_numpy("SEEN")[0, 0])
