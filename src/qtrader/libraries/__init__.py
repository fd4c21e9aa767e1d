"""What strategies are built from: indicators, ready strategies, risk policies."""
