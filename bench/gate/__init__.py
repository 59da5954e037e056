"""The performance-regression gate: instruction counts for each operation, paired runs of the whole server (bench/README.md)."""
