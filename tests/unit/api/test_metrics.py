"""Metrics for allowed networks or with a token."""

import dataclasses

import pytest

from omm_portal.metrics import text_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "live"])


def test_strangers_get_none(anonymous, node):
    assert anonymous.get("/metrics").status_code == 401


def test_a_token_or_an_allowed_network_gets_them(api, anonymous, node, settings):
    assert 'omm_role{role="active"} 1' in api.get("/metrics").content.decode()
    networks = ("127.0.0.0/8", "::1/128")
    settings.OMM = dataclasses.replace(settings.OMM, metrics_networks=networks)
    answer = anonymous.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    assert anonymous.get("/metrics", REMOTE_ADDR="10.0.0.1").status_code == 401


def test_a_standby_and_a_dead_runtime_answer_too(api, node):
    node.standby()
    text = api.get("/metrics").content.decode()
    assert 'omm_role{role="standby"} 1' in text
    assert "omm_peer_in_contact 1" in text
    node.die()
    assert 'omm_role{role="failed"} 1' in api.get("/metrics").content.decode()


def test_each_metric_is_declared_once_and_labels_are_escaped():
    found = text_of([("a", {"x": 'say "hi"\n'}, 1), ("a", {"x": "b"}, 0.25)])
    assert found == '# TYPE a gauge\na{x="say \\"hi\\"\\n"} 1\na{x="b"} 0.25\n'
