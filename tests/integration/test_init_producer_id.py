"""InitProducerId: ids that nobody else has."""

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.messages import errors
from harness.wire import Connection

VERSIONS = messages.versions["InitProducerId"]
NONE_GIVEN = (-1, -1)


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        wire.init_producer_id(open_connection)  # Kafka has a block from now on
        yield open_connection


def ask(connection, version, transactional_id=None, timeout_ms=60000, **more):
    """(error, producer id, producer epoch)"""
    values = {
        "TransactionalId": transactional_id,
        "TransactionTimeoutMs": timeout_ms,
        **more,
    }
    answer = messages.ask(connection, "InitProducerId", version, values)
    return answer["ErrorCode"], answer["ProducerId"], answer["ProducerEpoch"]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_id_is_new_and_its_epoch_0(connection, version):
    given = [ask(connection, version) for _ in range(5)]
    assert {(error, epoch) for error, _, epoch in given} == {(errors.NONE, 0)}
    assert len({producer_id for _, producer_id, _ in given}) == 5


@pytest.mark.parametrize("version", VERSIONS[3:])
def test_without_a_transactional_id_a_bump_is_a_new_id(connection, version):
    _, first, _ = ask(connection, version)
    error, second, epoch = ask(connection, version, ProducerId=first, ProducerEpoch=0)
    assert (error, epoch) == (errors.NONE, 0)
    assert second != first


@pytest.mark.parametrize("version", VERSIONS[3:])
@pytest.mark.parametrize("half", [{"ProducerId": 5}, {"ProducerEpoch": 0}])
def test_an_id_without_epoch_or_the_reverse(connection, version, half):
    assert ask(connection, version, **half) == (errors.INVALID_REQUEST, *NONE_GIVEN)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_transactional_id_that_is_none(connection, version):
    assert ask(connection, version, "") == (errors.INVALID_REQUEST, *NONE_GIVEN)


@pytest.mark.parametrize("timeout_ms", [0, -1, 900001])
def test_a_transaction_timeout_that_is_none(connection, timeout_ms):
    found = ask(connection, 4, "orders", timeout_ms)
    assert found == (errors.INVALID_TRANSACTION_TIMEOUT, *NONE_GIVEN)


def test_transactions_are_refused_for_good(connection):
    """With an error on which clients give up."""
    if AGAINST_KAFKA:
        pytest.skip("Kafka has transactions")
    found = ask(connection, 4, "orders")
    assert found == (errors.UNSUPPORTED_VERSION, *NONE_GIVEN)


def test_ids_are_not_given_again_after_a_restart(gregor):
    broker = gregor()
    given = []
    for end in (broker.stop, broker.kill, broker.stop):
        with Connection(broker.address) as connection:
            given += [ask(connection, 4)[1] for _ in range(3)]
        end()
        broker.start()
    assert len(set(given)) == 9


def test_more_than_a_block(gregor):
    broker = gregor()
    with Connection(broker.address) as connection:
        waiting = [
            messages.send(connection, "InitProducerId", 0, {"TransactionalId": None})
            for _ in range(2500)
        ]
        given = [
            messages.receive(connection, "InitProducerId", 0, w)["ProducerId"]
            for w in waiting
        ]
    assert len(set(given)) == 2500
