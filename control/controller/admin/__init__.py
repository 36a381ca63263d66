"""The admin API: one module for each part of it."""
