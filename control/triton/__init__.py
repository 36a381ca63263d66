"""Everything that speaks to, or about, tritonserver."""
