"""Tables of others -> typed tables, by decisions that can be repeated: cells as text, then types, then roles."""
