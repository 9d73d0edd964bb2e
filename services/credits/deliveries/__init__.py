"""Reconciliation with plans (N8, B1, B2): what was sent, what arrived, what was entered, and every difference."""
