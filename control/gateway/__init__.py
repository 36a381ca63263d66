"""Data plane: guards every inference request on its way to Triton and back."""
