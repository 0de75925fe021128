"""Wires above the waist: text -> operation -> page -> text."""
