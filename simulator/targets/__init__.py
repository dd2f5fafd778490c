"""Where messages go: an MQTT broker or a file."""
