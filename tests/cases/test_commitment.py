"""A modality asks: may I delete it now? Storage commitment (PS3.4 annex J), answered from stable storage."""
import os
import struct

import dul
import pytest
import samples

CONTEXTS = [(dul.COMMITMENT, [dul.IMPLICIT])]


def request(instances, transaction=None):
    dataset = samples.Dataset()
    dataset.TransactionUID = transaction or samples.uid()
    items = []
    for one in instances:
        item = samples.Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = one.sop_class, one.uid
        items.append(item)
    dataset.ReferencedSOPSequence = samples.Sequence(items)
    return dataset


def ask(association, instances, transaction, action=1, instance=dul.COMMITMENT_INSTANCE):
    dataset = request(instances, transaction)
    association.send(association.need(dul.COMMITMENT), dul.encode_dataset(dataset), CommandField=dul.N_ACTION,
                     MessageID=association.next_id(), RequestedSOPClassUID=dul.COMMITMENT,
                     RequestedSOPInstanceUID=instance, ActionTypeID=action)
    return association.receive()


def committed(dataset):
    return {str(item.ReferencedSOPInstanceUID) for item in dataset.get("ReferencedSOPSequence", [])}


def failed(dataset):
    return {str(item.ReferencedSOPInstanceUID): item.FailureReason for item in dataset.get("FailedSOPSequence", [])}


def report_on(association):
    """The N-EVENT-REPORT that comes on the association of the request."""
    message = association.receive()
    assert message.CommandField == dul.N_EVENT_REPORT, message
    assert message.AffectedSOPClassUID == dul.COMMITMENT
    assert message.AffectedSOPInstanceUID == dul.COMMITMENT_INSTANCE
    dataset = dul.decode_dataset(message.dataset)
    association.respond(message, 0, EventTypeID=message.EventTypeID)
    return message, dataset


@pytest.fixture(scope="module")
def node(shared_nodes):
    return shared_nodes()


def test_what_is_stored_is_committed_on_the_same_association(node):
    ones = samples.series_of(3)
    assert set(node.send(ones)) == {0x0000}
    transaction = samples.uid()
    with node.associate(CONTEXTS) as association:
        answer = ask(association, ones, transaction)
        assert answer.CommandField == dul.N_ACTION | dul.RESPONSE and answer.Status == 0x0000
        message, dataset = report_on(association)
        assert message.EventTypeID == 1
        assert dataset.TransactionUID == transaction
        assert committed(dataset) == {one.uid for one in ones} and not failed(dataset)
        assert dataset.get("RetrieveAETitle", node.aet) == node.aet


def test_what_was_never_sent_is_not_committed(node):
    stored, missing = samples.instance(), samples.instance()
    assert node.send(stored) == [0x0000]
    with node.associate(CONTEXTS) as association:
        assert ask(association, [stored, missing], samples.uid()).Status == 0x0000
        message, dataset = report_on(association)
    assert message.EventTypeID == 2
    assert committed(dataset) == {stored.uid} and failed(dataset) == {missing.uid: 0x0112}


def test_an_instance_of_another_class_is_not_committed(node):
    stored = samples.instance()
    assert node.send(stored) == [0x0000]
    claimed = samples.Instance(samples.MR, stored.uid, stored.syntax, stored.raw)
    with node.associate(CONTEXTS) as association:
        assert ask(association, [claimed], samples.uid()).Status == 0x0000
        message, dataset = report_on(association)
    assert message.EventTypeID == 2 and failed(dataset) == {stored.uid: 0x0119}


def test_an_instance_whose_file_was_lost_is_not_committed(nodes):
    node = nodes()
    kept, lost = samples.series_of(2)
    assert set(node.send(kept, lost)) == {0x0000}
    os.remove(next(path for path in node.objects() if lost.uid in path))
    with node.associate(CONTEXTS) as association:
        assert ask(association, [kept, lost], samples.uid()).Status == 0x0000
        message, dataset = report_on(association)
    assert message.EventTypeID == 2
    assert committed(dataset) == {kept.uid} and lost.uid in failed(dataset)


def test_a_modality_that_hangs_up_is_called_back(node):
    one = samples.instance()
    assert node.send(one) == [0x0000]
    transaction = samples.uid()
    with dul.Acceptor() as modality:
        node.add_destination("SCANNER", modality.port)
        with node.associate(CONTEXTS, calling="SCANNER") as association:
            assert ask(association, [one], transaction).Status == 0x0000
            association.abort()
        modality.wait_for(lambda: modality.reports)
        message, dataset = modality.reports[0]
        assert dataset.TransactionUID == transaction and committed(dataset) == {one.uid}
        assert message.EventTypeID == 1


def test_a_modality_that_is_away_is_called_again_when_the_node_has_restarted(nodes):
    node = nodes()
    one = samples.instance()
    assert node.send(one) == [0x0000]
    with dul.Acceptor() as away:
        port = away.port
        node.add_destination("AWAY", port)
    with node.associate(CONTEXTS, calling="AWAY") as association:
        assert ask(association, [one], samples.uid()).Status == 0x0000
        association.abort()
    node.kill9()
    with dul.Acceptor() as back:
        node.cli("ae", "remove", "AWAY")
        node.ae_add("AWAY", "127.0.0.1", back.port)
        node.start_again()
        back.wait_for(lambda: back.reports, 90)
        assert committed(back.reports[0][1]) == {one.uid}


def test_a_thousand_instances_are_committed_at_once(node):
    ones = samples.series_of(3)
    assert set(node.send(ones)) == {0x0000}
    unknown = [samples.Instance(samples.CT, f"2.25.888.{n}", dul.EXPLICIT, b"") for n in range(1000)]
    with node.associate(CONTEXTS) as association:
        assert ask(association, ones + unknown, samples.uid()).Status == 0x0000
        _, dataset = report_on(association)
    assert committed(dataset) == {one.uid for one in ones} and len(failed(dataset)) == 1000


def test_an_instance_that_is_named_again_and_again_is_reported_once(node):
    """Each look at it reads its whole file: the request must not decide how often."""
    one, missing = samples.instance(), samples.instance()
    assert node.send(one) == [0x0000]
    with node.associate(CONTEXTS) as association:
        assert ask(association, [one, missing] * 500, samples.uid()).Status == 0x0000
        _, dataset = report_on(association)
    assert [str(item.ReferencedSOPInstanceUID) for item in dataset.ReferencedSOPSequence] == [one.uid]
    assert [str(item.ReferencedSOPInstanceUID) for item in dataset.FailedSOPSequence] == [missing.uid]


def test_a_request_that_is_too_long_is_refused_for_its_length(node):
    with node.associate(CONTEXTS) as association:
        whole = dul.encode_dataset(request([samples.instance()]))
        padding = struct.pack("<HHI", 0xFFFC, 0xFFFC, 1 << 24) + bytes(1 << 24)
        assert bare(association, whole + padding).Status == 0x0213
        assert bare(association, whole).Status == 0x0000


@pytest.mark.parametrize("what, make", [
    ("another action", lambda a: ask(a, [samples.instance()], samples.uid(), action=7)),
    ("no instances", lambda a: ask(a, [], samples.uid())),
    ("no dataset", lambda a: bare(a, None)),
    ("a dataset that is none", lambda a: bare(a, b"\xff" * 33)),
])
def test_a_request_that_makes_no_sense_is_refused(node, what, make):
    with node.associate(CONTEXTS) as association:
        assert make(association).Status not in (0x0000, None), what
    assert node.echo() == 0x0000


def test_another_instance_than_the_well_known_one_is_told_so(node):
    with node.associate(CONTEXTS) as association:
        assert ask(association, [samples.instance()], samples.uid(), instance="1.2.3").Status == 0x0112


def bare(association, dataset):
    association.send(association.need(dul.COMMITMENT), dataset, CommandField=dul.N_ACTION,
                     MessageID=association.next_id(), RequestedSOPClassUID=dul.COMMITMENT,
                     RequestedSOPInstanceUID=dul.COMMITMENT_INSTANCE, ActionTypeID=1)
    return association.receive()
