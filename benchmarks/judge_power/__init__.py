"""How often the canary's judge is wrong, and how soon it is right: simulated with its own code."""
