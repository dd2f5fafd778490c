"""A synthetic territory: seeded signals, vendor payloads, radio and ChirpStack events, with the truth kept.

It imports nothing of `services` or `decoders`, so that it can judge both.
"""
