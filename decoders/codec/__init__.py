"""What surrounds a vendor's codec, without running it: its mapping into our vocabulary, its units, its faults."""
