"""The gateway's part in rollouts: tracks, the canary's calls and what they say of it, copies."""
