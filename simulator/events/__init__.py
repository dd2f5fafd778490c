"""ChirpStack 4 integration events, as JSON with pbjson's habits and as protobuf."""
