"""The short form of `make fuzz-ingest`."""

from tests.ingest.fuzzing import Fuzzed


def test_twenty_thousand_bad_messages_are_accounted_for(embedded_database):
    fuzzed = Fuzzed(embedded_database)
    account = fuzzed.run(20_000, seed=20260921)
    fuzzed.close()
    assert account.faults == []
    assert account.sent == account.outcomes.total() == 20_000
    # It would prove little if all of it ended in one place.
    assert account.outcomes["stored"] > 4000
    assert account.outcomes["duplicate"] > 500
    assert account.outcomes["malformed"] > 4000
    reasons = set(account.outcomes) - {"stored", "duplicate"}
    assert reasons == {
        *("malformed", "missing_field", "bad_identifier", "out_of_range", "topic_mismatch", "unexpected_topic"),
        *("unknown_event", "unknown_encoding", "empty_body"),
    }
    assert account.decoded["decoded"] > 100
