"""The three services: plans, credits, accounts. They never import each other; they speak by events."""
