"""Authorization letters: from a stamped scan to a working account. See also `letters.py` and `scanning.py` above."""
