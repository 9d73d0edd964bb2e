"""credits: policy editions, conversion, the ledger and each teacher's standing.

Owns: editions, the append-only ledger, standing.
Publishes: `shared/events/credits.py`. Listens to: audits of results, approved plans (plans); units, people, office
holders, accounts (accounts).
"""
