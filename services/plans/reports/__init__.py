"""What the authority looks at: the board (N28), workbooks of what it sees, and random checks of cases (抽查, N45)."""
