"""The pictures of docs/simulator.md, by room."""
