"""Changes of the rules by the province (N5): drafts, previews over the whole province, publication and adjustments."""
