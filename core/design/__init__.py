"""What the user composes: pure, frozen data. No torch."""
