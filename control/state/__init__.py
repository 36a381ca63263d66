"""What outlives a process: tokens, quotas and contracts, in one database."""
