"""A pytest plugin: how property tests draw. CI draws the same each time; everyone else anew."""

import os

from hypothesis import settings

# No deadline for a single example: timed tests fail when the machine is busy.
settings.register_profile("anew", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("REQUIRE_TRITON") == "1" else "anew")
