"""accounts: units, people, who holds which office, sign-in, and the letters from which accounts are issued.

Owns: units, people, offices, accounts, sessions, authorization letters.
Publishes: `shared/events/accounts.py`. Listens to: plans and credits, to tell people of it.
"""
