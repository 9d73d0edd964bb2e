"""Many messages at once, and what they come to when each has been applied once."""

from __future__ import annotations

from tests.shared.fake import World, publish, publish_alone


def everything(plans: int, numbers: int) -> dict[tuple[str, int], int]:
    """What `decide_all` comes to: each number of each plan once, and each message that stands alone once."""
    decisions = {(f"p{plan}", number): 1 for plan in range(plans) for number in range(1, numbers + 1)}
    return decisions | {(f"alone-{number}", 0): 1 for number in range(1, numbers + 1)}


def decide_all(world: World, plans: int, first: int, last: int) -> None:
    """Publishes the numbers `first` to `last` of so many plans, and with each number one that stands alone."""
    for number in range(first, last + 1):
        with world.plans.database.transaction() as session:
            for plan in range(plans):
                publish(session, f"p{plan}", number)
            publish_alone(session, f"alone-{number}")
