"""Measures rollouts on the real thing: what a bad version costs, and what a good one does."""
