"""Headers that every answer carries, so that a browser does no more with it than it must."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Nothing but the pages needs more, and they say so themselves.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
