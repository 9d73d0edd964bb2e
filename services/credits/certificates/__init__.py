"""Certificates and statements of credits on paper with a code, and workbooks of a school's or an area's teachers."""
