"""Return paths of forwarded mail that hold for SPF, and the way back of failure reports (SRS)."""
