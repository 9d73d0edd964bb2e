"""Accounts and who may use them: roles held, sign-in and sessions, activation links, suspension."""
