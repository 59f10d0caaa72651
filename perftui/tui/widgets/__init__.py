"""The panels and lines that the screens are made of."""
