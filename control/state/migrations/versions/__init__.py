"""One module for each step; each is run once on every database, in order."""
