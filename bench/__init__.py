"""Measuring pyfix, and any other mail server, honestly."""
