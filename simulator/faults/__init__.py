"""What goes wrong: one module per family, `registry` lists them all with what is to become of them."""
