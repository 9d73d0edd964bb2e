"""Stored standings: everybody's headline kept ready, for lists, forecasts and exports of many teachers."""
