"""The working-day calendar and the clock of limits (N27)."""
