"""Sparkplug B: its payloads and topics, and the rules of a host application (specification 3.0)."""
