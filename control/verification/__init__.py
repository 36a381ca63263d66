"""A staged version is tried in a tritonserver of its own before it meets a request."""
