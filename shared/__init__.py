"""What every service needs and none owns. Nothing in here imports a service."""
