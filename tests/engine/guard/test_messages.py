from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine.guard import codec, messages
from engine.host.loglines import Lines
from engine.types import (
    Block,
    BlockState,
    FileFacts,
    Finding,
    FiveTuple,
    Listed,
    Persistence,
    PersistencePoint,
    ProcessFacts,
    Proposal,
    ProposalState,
    Service,
    Services,
    SocketOwner,
)
from tests.engine.guard.bench import HOST, PERSON, terms

REQUESTS: list[messages.Request] = [
    messages.Hello(),
    messages.Attach(("eth0",)),
    messages.Addresses(),
    messages.Propose(terms(), "why", True, False, by_person=True),
    messages.Stage("b", ("203.0.113.9/32",)),
    messages.ProposeList("b", 1, "ab" * 32, 600.0, ("eth0",), "feed", by_person=True),
    messages.Extend("203.0.113.9/32", 7200.0),
    messages.Watch("P-1", 60.0),
    messages.Keep("eth0"),
    messages.Allowed(0),
    messages.ExportAudit(64),
    messages.NoteTrace("INC-0123abcd", 12, "ab" * 32, "cd" * 32),
    messages.NotedTraces(64),
    messages.Proposals(0),
    messages.Show("P-1"),
    messages.Approve("P-1", "token", "203.0.113.9"),
    messages.Refuse("P-1"),
    messages.Remove("203.0.113.9/32"),
    messages.RemoveAll("P-1"),
    messages.Blocks(64),
    messages.FindOwner(FiveTuple("203.0.113.9", 1, "192.0.2.2", 22, "tcp")),
    messages.Describe(1, 0.5),
    messages.ListServices(),
    messages.DescribeFile(1, 0.5),
    messages.ListPersistence(),
    messages.SearchLog("203.0.113.9"),
    messages.Resume(restore=False),
    messages.NoteHalt(),
    messages.LastHalt(),
    messages.Remover("203.0.113.9/32"),
    messages.VerifyAudit(),
    messages.Allow("203.0.113.0/24", "office", 0.0),
    messages.Disallow("203.0.113.0/24"),
]
BLOCK = Block("203.0.113.9/32", BlockState.LIVE, ("eth0",), math.inf, 1, 60, 5.0)
PROPOSAL = Proposal("P-1", terms(), "why", 0.0, 900.0, ProposalState.PENDING)
REPLIES: list[messages.Reply] = [
    messages.Welcome(1, (messages.Attachment("eth0", "native"),), "XDP native", True, False, True, "", PERSON, ()),
    messages.NeverBlock(HOST, (), (), ()),
    messages.Review(PROPOSAL, "", (), halted=True),
    messages.Approved(BLOCK),
    messages.BlockList((BLOCK,), False, False),
    messages.Proposed(replace(PROPOSAL, listed=Listed(2, 1 << 62, ("203.0.113.9/32",), 1, ("::1/128: loopback",)))),
    messages.ProposalList((PROPOSAL,), True),
    messages.Watched(BLOCK),
    messages.AllowList((messages.AllowedPrefix("203.0.113.0/24", "office", 0.0),), False),
    messages.AuditPage((messages.AuditEntry(1, 5.0, "start", "{}", "ab"),), True),
    messages.Owner(SocketOwner(Finding.GONE, detail="gone")),
    messages.Process(ProcessFacts(Finding.FOUND, 1, cmdline=("sh", "-c", "\x1b]0;x\x07"))),
    messages.ServiceList(Services(Finding.FOUND, (Service("tcp", "::", 22, 1, "sshd"),))),
    messages.ProgramFile(FileFacts(Finding.FOUND, 1, "/usr/sbin/sshd", "root", "0755", 1, 5.0, 6.0, True)),
    messages.PersistenceList(Persistence(Finding.FOUND, (PersistencePoint("cron", "/etc/x", 5.0, "root", "\x1b"),))),
    messages.LogLines(Lines(Finding.FOUND, ("sshd[1]: \xff\x1b",), "/var/log/auth.log", 2)),
    messages.Audit(3, ("entry 2 was edited, moved or forged",)),
    messages.Done("done"),
    messages.Refused("no"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda value: type(value).__name__)
def test_every_request_survives_the_wire(request_: messages.Request) -> None:
    assert messages.decode_request(codec.encode(request_, 1)) == (request_, 1)


def test_every_request_is_in_the_list_above() -> None:
    assert {type(request).__name__ for request in REQUESTS} == set(messages.REQUESTS)


@pytest.mark.parametrize("reply", REPLIES, ids=lambda value: type(value).__name__)
def test_replies_survive_the_wire(reply: messages.Reply) -> None:
    assert messages.decode_reply(codec.encode(reply, 1)) == (reply, 1)


def test_every_reply_is_in_the_list_above() -> None:
    assert {type(reply).__name__ for reply in REPLIES} == set(messages.REPLIES)


def test_a_reply_is_no_request() -> None:
    with pytest.raises(codec.MessageError, match="unknown type"):
        messages.decode_request(codec.encode(messages.Done("x"), 1))
