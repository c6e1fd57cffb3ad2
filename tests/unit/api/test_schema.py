"""The OpenAPI document and the page that shows it."""

import io
import re
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[3]
PATHS = """
backups backups/upload backups/{backup_id} backups/{backup_id}/file backups/{backup_id}/preview
backups/{backup_id}/restore settings/backup
changes changes/undo events rfps rfps/{id} schema set-aside set-aside/decide set-aside/{id}/decide
splits splits/{id} splits/{id}/copy settings/omm settings/omm/confirm settings/omm/revert
settings/sip settings/system sites sites/{id} standby/maintenance standby/preflight standby/reboot
standby/samples standby/switchover standby/takeover status tokens tokens/{id} users users/me
users/me/password users/{id}
"""


def generated():
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    return out.getvalue()


def test_the_committed_document_is_current():
    assert (ROOT / "docs" / "openapi.yaml").read_text() == generated(), "make schema"


def test_every_endpoint_is_in_it():
    document = yaml.safe_load(generated())
    paths = {path.removeprefix("/api/v1/").rstrip("/") for path in document["paths"]}
    assert paths - {"schema"} == set(PATHS.split()) - {"schema"}


@pytest.mark.django_db(transaction=True, databases=["default", "live"])
def test_the_page_loads_nothing_from_elsewhere(client, node):
    page = client.get("/api/v1/docs/")
    text = page.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert sources
    assert all(source.startswith("/") for source in sources)
    assert not re.search(r"<script(?![^>]*src=)", text)
    policy = page["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "script-src" not in policy
    script = next(source for source in sources if "script" in source)
    assert client.get(script.replace("&amp;", "&"))["Content-Type"].startswith("application/javas")


@pytest.mark.django_db(transaction=True, databases=["default", "live"])
def test_the_document_is_served_to_everybody(client, node):
    answer = client.get("/api/v1/schema/")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["openapi"].startswith("3.")
