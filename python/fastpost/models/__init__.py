"""What a pipeline runs on."""
