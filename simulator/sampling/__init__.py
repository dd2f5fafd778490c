"""What a device of each model would send at a moment, from the signal it looks at."""
