"""A package, so that both lanes can be started once for all of it."""
