"""What came too late for a closed cycle (B6): who sees it, and how the provincial office admits or dismisses it."""
