"""Messages go to real servers, and no word of a credential comes back."""

from __future__ import annotations

import sys

import pytest

from engine.messenger import covered, named, send
from engine.notify import Notice
from tests.receivers import mailbox, webhook

NOTICE = Notice("web1: HIGH INC-01234567 203.0.113.9", "Log4Shell\nVerdict: malicious (playbook).", grave=True)


async def test_a_message_arrives_at_a_webhook() -> None:
    with webhook() as receiver:
        told = await send([f"json://127.0.0.1:{receiver.port}/hook"], NOTICE)
    assert [one.arrived for one in told] == [True]
    assert (receiver.got[0]["title"], receiver.got[0]["message"]) == (NOTICE.title, NOTICE.body)
    assert receiver.got[0]["type"] == "failure"


async def test_a_message_arrives_as_mail() -> None:
    with mailbox() as receiver:
        url = f"mailto://127.0.0.1:{receiver.port}?from=aegis@example.org&to=admin@example.org&mode=insecure"
        told = await send([url], NOTICE)
    assert [one.arrived for one in told] == [True], told
    assert receiver.got[0]["title"] == NOTICE.title
    assert "Verdict: malicious (playbook)." in receiver.got[0]["message"]


async def test_each_receiver_has_its_own_outcome_and_no_credential_is_in_it() -> None:
    with webhook() as receiver:
        receiver.status = 500
        urls = [f"json://user:hunter22@127.0.0.1:{receiver.port}/secretpath", "nosuch://tokenabc", "slack://tok/en/s"]
        told = await send(urls, NOTICE)
    assert [one.arrived for one in told] == [False, False, False]
    assert "500" in told[0].why
    shown = " ".join([*(one.why for one in told), *(named(number, url) for number, url in enumerate(urls, 1))])
    assert not [secret for secret in ("hunter22", "secretpath", "tokenabc", "user:") if secret in shown]


async def test_nobody_there_is_an_outcome_and_no_error() -> None:
    (told,) = await send(["json://127.0.0.1:1/"], NOTICE)
    assert (told.arrived, "onnection" in told.why) == (False, True)


async def test_the_engine_s_process_loads_nothing_of_apprise() -> None:
    with webhook() as receiver:
        await send([f"json://127.0.0.1:{receiver.port}"], NOTICE)
    assert "apprise" not in sys.modules


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slack://TokenA/TokenB", "1 (slack)"),
        ("mailtos://user:pass@example.org", "1 (mailtos at example.org)"),
        ("json://[::1", "1 (json)"),
        ("\x1b[2J://x", "1 (\\x1b[2j)"),
    ],
)
def test_a_receiver_is_named_by_what_is_no_secret(url: str, shown: str) -> None:
    assert named(1, url) == shown


def test_every_part_of_a_url_is_covered() -> None:
    said = "Max retries for /services/T0/B1234567 with key=sesame by bob"
    assert covered(said, "https://bob:sesame@host/services/T0/B1234567?key=sesame").split() == [
        "Max", "retries", "for", "/[hidden]/T0/[hidden]", "with", "[hidden]=[hidden]", "by", "[hidden]",
    ]  # fmt: skip


def test_a_credential_is_covered_as_it_is_sent_too() -> None:
    said = "535 p@ss/w rd of me+you is refused, and 12=ab%3D as well"
    shown = covered(said, "mailtos://me%2Byou:p%40ss%2Fw+rd@example.org?key=12%3Dab%253D")
    assert shown == "535 [hidden] of [hidden] is refused, and [hidden] as well"
