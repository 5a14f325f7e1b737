"""Heads: functions that turn K values into real codes."""
