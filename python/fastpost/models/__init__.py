"""Models that a pipeline runs on."""
