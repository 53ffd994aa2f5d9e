"""The one root of every error that execbot raises on purpose: catch `ExecbotError`.

    ExecbotError
    ├── SignalError                    a line that is no signal
    ├── LevelError                     a stop or target that makes no sense
    ├── ConfigError                    configuration, mode or keys cannot be used
    │   └── CredentialsError           half a pair of keys, or none
    ├── JournalError                   the journal cannot do what was asked
    │   ├── JournalLocked              another process keeps the write lock
    │   ├── JournalCorrupt             the file is damaged, or is no journal
    │   ├── JournalReadOnly            file or directory cannot be written
    │   ├── JournalFull                no space for the next write
    │   ├── JournalNewer               a later execbot has written it
    │   ├── JournalOlder               an earlier one has, and here it is only read
    │   ├── ArchiveUnusable            a file of archived months is missing or damaged
    │   └── JournalUnavailable         it cannot be opened at all
    ├── BrokerError                    between us and the broker
    │   ├── AuthenticationError        the keys were not accepted
    │   ├── RequestRefused             understood and refused: nothing happened
    │   │   ├── DuplicateClientOrderId an order with this id is there already
    │   │   └── NotFound               definitively absent
    │   ├── RateLimited                too many requests: not executed
    │   ├── BrokerUnavailable          5xx: a write may have happened
    │   ├── BadReply                   an answer that the API does not document
    │   │   └── UnreadRow              an order or position with an impossible value
    │   ├── NetworkError               no answer at all
    │   └── StreamError                a stream that reconnecting cannot help
    ├── AlertsUnavailable              nobody can be alerted
    ├── OmsError                       our own rules, or the state of an order
    │   ├── Refused                    the risk checks said no; nothing was sent
    │   ├── InDoubt                    sent, outcome unknown: reconcile, never resubmit
    │   ├── StaleIntent                too old to be sent
    │   ├── ClientIdReused             the id belongs to another order
    │   ├── UnknownOrder               neither the journal nor the broker knows it
    │   ├── NotPossible                the state of the order or position forbids it
    │   ├── FlagNotAllowed             trading.yaml forbids the flag
    │   ├── LegsRefused                the stop or target asked for cannot go with the order
    │   ├── NoSize                     what may be risked buys not one share
    │   ├── NoEntryPrice               nothing says where the entry would trade
    │   ├── NeedsWatch                 nobody would place the stop after the fill
    │   ├── WouldRest                  the addition would keep a position without its stop
    │   ├── HandedBack                 a command took back what it had handed over to `watch`
    │   ├── CloseFailed                exits were lifted for a close, and then it failed
    │   └── SignalTaken                another process was faster with this signal
    ├── DeskError                      the opened account refuses, or cannot finish
    │   ├── NotConfirmed               a person said no, or there is none to be asked
    │   ├── SelftestRefused            the guided check does not begin
    │   ├── NotProven                  the broker does not say what it should
    │   ├── RestoreUnfinished          a restored journal does not know yet what was sent since
    │   ├── EmptyId                    an id without a character
    │   ├── AmbiguousId                a short id that names several orders
    │   ├── AlreadyFilled              too late to cancel
    │   ├── OrderRejected              accepted first, rejected later
    │   ├── BadExits                   exits that cannot be asked for
    │   ├── NoPosition                 nothing is held of the symbol
    │   ├── NoPlan                     the position has no exit plan
    │   ├── UnknownTrade               no round trip has this id
    │   ├── CannotWrite                a file that was asked for cannot be written
    │   ├── NotQueued                  the order does not wait for the open
    │   ├── BadInput                   a stream of signals that cannot be read
    │   ├── ExtraMissing               a package of an extra is not installed
    │   ├── CannotServe                the built-in exchange, or the page, cannot be served there
    │   ├── BadRequest                 the built-in exchange does not take that
    │   ├── NoExchange                 no built-in exchange answers
    │   ├── NotSealed                  a bot's run cannot be sealed on this system
    │   ├── NoPage                     no live page runs for the account
    │   ├── NoContracts                no such option contracts are listed
    │   ├── NoStructure                what is held of contracts is not what one order closes
    │   ├── TurnedPrice                a close that pays for what brings money in, or the reverse
    │   ├── BadStructureExits          levels that a structure of contracts cannot have
    │   ├── NotExercised               a contract that can be neither exercised nor abandoned
    │   └── NothingClosed              not one of several positions was closed
    ├── StoreFailed                    a signal that came over HTTP could not be kept
    ├── TooManyWaiting                 as many such signals wait as may
    ├── AlreadyArchiving               another process moves months out of the account's journal
    ├── AlreadyTaking                  another process takes the signals of this account
    ├── AlreadyWatching                another `execbot watch` runs
    ├── Relayed                        one of these, as a running `watch` has told of it
    └── Failure                        what the command line itself cannot do

Each family says more in the `errors` module of its room. The exchange (`execbot.sim`) is a program
of its own and has errors of its own. Exceptions that never leave the function that waits for them
(`TransportFailure`, `Drop`, `Garbled`) and bugs (`WriteRefused`) are not in the tree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execbot.model.enums import ErrorCategory


class ExecbotError(Exception):
    """Says what happened, why, and what to do next; carries what is known of the order concerned.

    `kind` is a stable slug for programs (`risk.max_position_size`, `journal.locked`); `message`,
    `hint` and `next_step` are for people: what, why, what next. `category` says what to do about
    it. `outcome` is an `Outcome` word: `not_sent` unless something may have reached the broker.
    `in_doubt` means that it may have, and only a look-up can tell.
    """

    kind: str
    message: str
    hint: str = ""
    next_step: str = ""
    in_doubt: bool = False
    noted: Mapping[str, Any] = {}
    """Facts that whoever passed the error on has added."""
    after: str = ""
    """An `Outcome` word: what had come of the command before it failed; empty where nobody noted
    what was done."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def category(self) -> ErrorCategory:
        return ErrorCategory.FATAL

    @property
    def outcome(self) -> str:
        return "not_sent"

    @property
    def facts(self) -> Mapping[str, Any]:
        """More for programs, by the names that `--json` prints; what is empty is left out."""
        return {}
