"""Vendor codecs in JavaScript, run in child processes that can be killed. Imported only by who runs them."""
