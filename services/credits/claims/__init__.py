"""Recognised claims (认定申请, T19): a line each, countered when they end; and the room left under the ceilings."""
