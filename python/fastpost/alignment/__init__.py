"""Labels, spans, tokens and positions, there and back."""
