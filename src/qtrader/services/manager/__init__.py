"""The manager service: turns signals into sized, checked orders, or into refusals with a reason."""
