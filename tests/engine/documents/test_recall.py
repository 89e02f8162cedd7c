"""A handful of questions, English and Chinese, find the passage that answers them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.documents.conftest import Opener

LIBRARY = {
    "runbook.md": """# Backup
Nightly backups start at 02:00 and are written to vault-3. They are kept for ninety days.
## Restore
Ask the on-call database administrator, then run `pg_restore --clean` from vault-3.
# Web servers
## Certificates
TLS certificates are renewed by certbot on web-1; reload nginx afterwards.
## Web shell found
Take the server out of the load balancer, copy /var/www and the access logs, and call the incident lead.
""",
    "policy.html": """<h1>Access policy</h1><h2>Scanners</h2><p>The vulnerability scanner at 10.9.8.7 runs every
Sunday and may touch any port.</p><h2>Bastion</h2><p>Administrators log in with SSH keys through bastion.example only.
</p><h2>Visitors</h2><p>Guests use the wireless network, which reaches the internet and nothing else.</p>""",
    "owners.csv": "host,owner,phone\nweb-1,Ada Byron,4711\nmail-2,Ben Ochs,4712\nvault-3,Cleo Diaz,4713\n",
    "hosts.json": '{"printers": {"floor3": "10.1.3.20"}, "mining": {"allowed": false, "pool": "none"}}',
    "应急.md": """# 应急响应手册
## 木马处置
发现木马后，先隔离主机，再保留内存镜像，最后联系安全值班人员。
## 勒索软件
立即断开网络，不要支付赎金，从离线备份恢复数据。
## 弱口令
所有管理员每九十天更换一次口令，长度不少于十四位。
## 数据库
数据库备份由王工负责，恢复前必须审批。
""",
}

QUESTIONS = [
    ("when do the nightly backups start", "Nightly backups start"),
    ("how to restore the database from backup", "pg_restore"),
    ("someone planted a web shell on the server", "load balancer"),
    ("renew the HTTPS certificate", "certbot"),
    ("is 10.9.8.7 allowed to scan our ports", "vulnerability scanner"),
    ("how do admins log in over ssh", "bastion.example"),
    ("who owns mail-2", "Ben Ochs"),
    ("phone number of the owner of vault-3", "4713"),
    ("is crypto mining permitted", "mining.allowed: false"),
    ("guest wifi", "Guests use the wireless network"),
    ("发现木马怎么办", "隔离主机"),
    ("被勒索软件加密了怎么恢复", "赎金"),
    ("管理员口令多久更换一次", "九十天"),
    ("谁负责数据库备份", "王工"),
]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a folder with documents of several formats."""
    folder = tmp_path / "library"
    folder.mkdir()
    for name, text in LIBRARY.items():
        (folder / name).write_bytes(text.encode("gb18030" if name.startswith("应") else "utf-8"))
    return folder


def test_the_answer_is_first_for_most_questions_and_among_three_for_all(opened: Opener, library: Path) -> None:
    documents = opened()
    documents.add(library)
    found = {question: [passage.text for passage in documents.search(question, 3)] for question, _ in QUESTIONS}
    missed = [question for question, part in QUESTIONS if not any(part in text for text in found[question])]
    first = [question for question, part in QUESTIONS if found[question] and part in found[question][0]]
    assert missed == []
    assert len(first) >= len(QUESTIONS) - 2


def test_what_no_document_speaks_of_finds_little(opened: Opener, library: Path) -> None:
    documents = opened()
    documents.add(library)
    for question in ("the orbit of Jupiter's moons", "recipe for pancakes", "量子物理的历史"):
        assert all(passage.score < 0.2 for passage in documents.search(question))
