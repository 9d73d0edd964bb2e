"""Facts of somebody's employment that credits keeps: dated exemptions (T17), and units that she has left (T18)."""
