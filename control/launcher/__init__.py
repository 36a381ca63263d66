"""The parent of all processes: starts them, restarts what dies, ends them in order."""
