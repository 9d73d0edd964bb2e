"""The tree changes: units opened, renamed, moved, merged, closed, and offices handed over, each on its day."""
