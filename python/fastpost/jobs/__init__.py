"""Texts of files -> entities, answers -> files, for programs and for the command line."""
