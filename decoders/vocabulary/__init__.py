"""The vocabulary by subject, as tables. `decoders.quantities` puts them together."""
