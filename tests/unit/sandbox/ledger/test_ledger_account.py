"""One pipe's account: what became of each record, duplicates apart, and what was overtaken."""

from __future__ import annotations

from sandbox.ledger.account import Account, Entry


def entry(number: int, key: str = "Oslo") -> Entry:
    return Entry("MODIFY", key, f"{number:020d}")


def counts(account: Account) -> tuple[int, int, int, int, int]:
    return (
        account.delivered,
        account.dead_lettered,
        account.filtered,
        len(account.pending()),
        account.duplicates,
    )


def test_every_record_is_one_of_delivered_dead_filtered_and_pending() -> None:
    account = Account()
    account.write(entry(1), 101)
    account.write(entry(2), 102)
    account.write(entry(3), None)
    account.write(entry(4), 104)

    assert account.deliver(101)
    assert account.dead_letter(entry(2).sequence)

    assert counts(account) == (1, 1, 1, 1, 0)
    assert account.written == 4
    assert account.pending() == [entry(4)]


def test_a_delivery_that_comes_twice_is_a_duplicate_and_settles_nothing_else() -> None:
    account = Account()
    account.write(entry(1), 101)
    account.write(entry(2), 102)

    assert account.deliver(101)
    assert not account.deliver(101)
    assert account.deliver_again(101)

    assert counts(account) == (1, 0, 0, 1, 1)


def test_a_request_of_no_record_is_not_explained() -> None:
    account = Account()
    account.write(entry(1), 101)

    assert not account.deliver(999)
    assert not account.deliver_again(999)
    assert account.duplicates == 0


def test_a_record_that_was_delivered_and_whose_letter_was_accepted_counts_once() -> None:
    account = Account()
    account.write(entry(1), 101)
    account.deliver(101)

    assert not account.dead_letter(entry(1).sequence)

    assert counts(account) == (1, 0, 0, 0, 1)


def test_records_with_the_same_request_are_settled_in_their_order() -> None:
    account = Account()
    account.write(entry(1), 101)
    account.write(entry(2), 101)
    account.dead_letter(entry(1).sequence)

    account.deliver(101)

    assert counts(account) == (1, 1, 0, 0, 0)


def test_a_record_that_a_later_one_of_its_key_has_overtaken_is_named() -> None:
    account = Account()
    account.write(entry(1), 101)
    account.write(entry(2), 102)
    account.write(entry(3, "Rome"), 103)
    account.write(entry(4), 104)

    account.deliver(102)

    assert account.overtaken() == [entry(1)]
    assert account.pending() == [entry(1), entry(3, "Rome"), entry(4)]
