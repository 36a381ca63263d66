"""JSON requests for the test models."""

INFER = "/v2/models/identity/infer"


def row(data, shape=None, name="INPUT0", datatype="FP32"):
    """A request with one tensor."""
    shape = shape or [1, len(data)]
    return {"inputs": [{"name": name, "datatype": datatype, "shape": shape, "data": data}]}


def echo(datatype, data, shape=None, **more: object):
    """A request that sends one tensor through the model of all datatypes."""
    shape = shape or [1, len(data)]
    given = {"name": f"IN_{datatype}", "datatype": datatype, "shape": shape, "data": data}
    return {"inputs": [given], "outputs": [{"name": f"OUT_{datatype}"}], **more}
