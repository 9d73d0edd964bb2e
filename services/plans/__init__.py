"""plans: everything that travels by stages, and the trainings held under it.

Owns: school plans and their approval, training projects, rosters, results and their audits.
Publishes: `shared/events/plans.py`. Listens to: units, people, offices and
ended access (accounts); credits recorded (credits).
"""
