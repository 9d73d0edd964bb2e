"""What can still be earned (N15): for a teacher, and who of a school or county cannot reach the minimums."""
