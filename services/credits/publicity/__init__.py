"""Results in 公示: shown with what they would come to, never in the ledger and never in a standing (N46, B12)."""
