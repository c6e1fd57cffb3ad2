"""Back-ups over REST: made, sent, fetched, removed; shown before they are restored."""

from __future__ import annotations

import json
import lzma

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from rfps.models import Site
from standby.backup import files, sealed
from standby.models import BackupSettings, JournalEntry

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])
URL = "/api/v1/backups/"
PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def _quick_keys(monkeypatch):
    monkeypatch.setattr(sealed, "LOG_N", 10)


def made(api, **given):
    answer = api.post(URL, given)
    assert answer.status_code == 201, answer.content
    return answer.json()


def content(api, one):
    answer = api.get(f"{URL}{one['id']}/file/")
    assert answer["Content-Disposition"] == f'attachment; filename="{one["name"]}"'
    return b"".join(answer.streaming_content)


def sent(api, data, name="some file.bin"):
    return api.post(f"{URL}upload/", {"file": SimpleUploadedFile(name, data)}, format="multipart")


def test_one_is_made_listed_fetched_and_removed(api):
    one = made(api)
    assert (one["kind"], one["encrypted"]) == ("manual", False)
    assert api.get(URL).json()["results"] == [one]
    assert api.get(f"{URL}{one['id']}/").json() == one
    data = content(api, one)
    assert len(data) == one["size"]
    first = json.loads(lzma.decompress(data).splitlines()[0])
    assert (first["made_by"], first["secrets"]) == ("admin", "left-out")
    stored = files.stored(one["id"])
    assert stored.path.stat().st_mode & 0o777 == 0o600
    answer = api.delete(f"{URL}{one['id']}/")
    assert (answer.status_code, "OMM-Replication" in answer) == (204, True)
    assert api.get(URL).json()["count"] == 0
    assert api.get(f"{URL}{one['id']}/").status_code == 404
    assert api.get(f"{URL}..%2f..%2fterm/file/").status_code == 404


def test_what_it_shows_is_what_is_restored(api):
    site = api.post("/api/v1/sites/", {"name": "Head office"}).json()
    one = made(api)
    api.patch(f"/api/v1/sites/{site['id']}/", {"name": "Other"})
    new = api.post("/api/v1/sites/", {"name": "New"}).json()
    url = f"{URL}{one['id']}/"
    plan = api.post(f"{url}preview/", {"remove": True}).json()
    sites = next(each for each in plan["models"] if each["model"] == "rfps.site")
    assert sites["counts"] == {"added": 0, "changed": 1, "removed": 1, "refused": 0}
    assert sites["changed"][0] == {
        "id": site["id"],
        "name": "Head office",
        "before": {"name": "Other"},
        "after": {"name": "Head office"},
    }
    assert sites["removed"][0]["id"] == new["id"]
    assert {each["model"] for each in plan["left_out"]} >= {"standby.maintenance"}
    before = JournalEntry.objects.count()
    stale = api.post(f"{url}restore/", {"seen": plan["seen"]})  # without remove: another choice
    assert (stale.status_code, stale.json()["type"]) == (409, "outdated")
    assert JournalEntry.objects.count() == before

    answer = api.post(f"{url}restore/", {"remove": True, "seen": plan["seen"]})

    assert (answer.status_code, answer["OMM-Replication"]) == (200, "unsafe")
    assert answer.json() == {"created": 0, "changed": 1, "removed": 1, "refused": []}
    assert list(Site.objects.values_list("name", flat=True)) == ["Head office"]
    last = api.get("/api/v1/changes/?limit=1").json()["results"][0]
    assert (last["source"], last["actor"]) == ("restore", "admin")


def test_secrets_are_never_told(api, reader):
    one = made(api, passphrase=PASSPHRASE)
    assert one["encrypted"]
    api.patch(f"/api/v1/users/{reader.pk}/", {"password": "another-one-2026"})
    api.delete(f"/api/v1/tokens/{reader.tokens.first().pk}/") if reader.tokens.exists() else None
    url = f"{URL}{one['id']}/preview/"
    missing = api.post(url, {})
    assert (missing.status_code, missing.json()["type"]) == (409, "passphrase-needed")
    wrong = api.post(url, {"passphrase": "another passphrase"})
    assert (wrong.status_code, wrong.json()["type"]) == (409, "passphrase-wrong")
    access = {"passphrase": PASSPHRASE, "models": ["accounts.user", "accounts.apitoken"]}
    plan = api.post(url, access)
    users = next(each for each in plan.json()["models"] if each["model"] == "accounts.user")
    assert users["changed"][0]["after"] == {"password": "***"}
    reader.refresh_from_db()
    assert reader.password not in plan.content.decode()
    done = api.post(f"{URL}{one['id']}/restore/", {**access, "seen": plan.json()["seen"]})
    assert done.json()["changed"] == 1


def test_a_file_is_taken_in_only_when_it_is_whole(api):
    one = made(api)
    data = content(api, one)
    answer = sent(api, data)
    assert (answer.status_code, answer.json()["kind"]) == (201, "uploaded")
    broken = bytearray(data)
    broken[len(data) // 2] ^= 4
    answer = sent(api, bytes(broken))
    assert (answer.status_code, answer.json()["type"]) == (409, "backup-damaged")
    assert "damaged" in answer.json()["detail"]
    for nonsense in (b"", b"hello", b"\xfd7zXZ\0", lzma.compress(b"{}\n")):
        assert sent(api, nonsense).status_code == 409
    assert api.post(f"{URL}upload/", {}, format="multipart").status_code == 400
    assert api.get(URL).json()["count"] == 2
    assert not list(files.folder().glob(".part-*"))
    encrypted = content(api, made(api, passphrase=PASSPHRASE))
    taken = sent(api, encrypted).json()
    assert taken["encrypted"]
    preview = api.post(f"{URL}{taken['id']}/preview/", {"passphrase": PASSPHRASE})
    assert preview.status_code == 200


def test_bad_input_names_field_and_reason(api):
    assert api.post(URL, {"passphrase": "short"}).json()["errors"] == {
        "passphrase": ["At least 12 characters."]
    }
    one = made(api)
    url = f"{URL}{one['id']}/preview/"
    for given in ({"models": ["standby.split"]}, {"models": ["nothing"]}, {"models": 3}):
        assert "models" in api.post(url, given).json()["errors"]
    assert "remove" in api.post(url, {"remove": "perhaps"}).json()["errors"]
    assert "seen" in api.post(f"{URL}{one['id']}/restore/", {}).json()["errors"]


def test_full_access_is_needed_to_see_any(api, reader_api, anonymous):
    one = made(api)
    for path in ("", f"{one['id']}/", f"{one['id']}/file/"):
        assert reader_api.get(URL + path).status_code == 403
        assert anonymous.get(URL + path).status_code == 401
    for path in ("", "upload/", f"{one['id']}/preview/", f"{one['id']}/restore/"):
        assert reader_api.post(URL + path, {}).status_code == 403
    assert reader_api.delete(f"{URL}{one['id']}/").status_code == 403
    assert reader_api.get("/api/v1/settings/backup/").status_code == 403


def test_settings_are_told_without_the_passphrase(api):
    url = "/api/v1/settings/backup/"
    assert api.get(url).json()["passphrase_set"] is False
    answer = api.patch(url, {"every_hours": 6, "at_time": "04:15", "passphrase": PASSPHRASE})
    assert (answer.status_code, "passphrase" in answer.json()) == (200, False)
    assert answer.json()["passphrase_set"] is True
    assert PASSPHRASE not in BackupSettings.objects.get().passphrase
    assert PASSPHRASE not in api.get("/api/v1/changes/").content.decode()
    bad = {"at_time": "25:00", "keep_count": 0, "every_hours": 5, "passphrase": "short"}
    for name, value in bad.items():
        assert list(api.patch(url, {name: value}).json()["errors"]) == [name]


def test_a_standby_sends_on(api, node):
    node.standby()
    assert api.get(URL).status_code == 307
