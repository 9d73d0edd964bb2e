"""Rosters: read, checked against the register, corrected by error rows, imported as often as one likes (T7)."""
