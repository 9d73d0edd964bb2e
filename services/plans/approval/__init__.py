"""Submissions that travel by stages: drafting, submitting, deciding, history (审批)."""
