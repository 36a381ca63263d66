"""Control plane: reads Triton, publishes snapshots, serves the admin API."""
