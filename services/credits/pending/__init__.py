"""The register of pending policy (N19): whom each open question concerns, and the decision that settles it."""
