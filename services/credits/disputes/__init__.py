"""Disputes (异议) on one line, on a result in 公示, or on a training that is missing (T16, B14)."""
