"""The strategy service: runs strategies on bars and publishes their signals."""
