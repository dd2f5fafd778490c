"""Virtual gateways that speak ChirpStack 4's gateway MQTT protocol, and the run that drives a network server."""
