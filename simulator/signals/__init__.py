"""What the world does: physical quantities as pure, seeded functions of time (seconds since 1970, UTC)."""
