"""Networks that several models share; each version's `compute.py` chooses and configures one."""
