"""The common look: base page, macros, styles, icons; words and figures as people read them."""
