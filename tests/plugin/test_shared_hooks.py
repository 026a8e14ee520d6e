"""The company's hooks, installed beside two data sources that know nothing of them."""

from __future__ import annotations

import json

CODE = """
import json, os
import devlake_core as dl
from devlake_core.plugin.manager import Host
from devlake_core.plugin.connect import try_connection
from tests.plugin.seam import hooked

host = Host()
url = os.environ["TOOL_URL"]
found = {}
for name in ("alpha", "beta"):
    plugin = host.load(name)
    values = {"id": 1, "name": name, "endpoint": f"{url}/{name}", "token": "tok-of-" + name}
    with hooked(host.runtime_hooks(name)):
        connection = plugin.connection_type(**values)
        result = try_connection(plugin, connection)
        scopes = [scope.as_dict()["id"] for scope in plugin.make_remote_scopes(connection)]
    found[name] = [result.success, scopes]
print(json.dumps({"found": found, "states": {r.name: r.state for r in host.records()}}))
"""


def test_two_data_sources_share_key_maintenance_and_audit_in_one_process(server, python, tmp_path):
    for name, number in (("alpha", 1), ("beta", 2)):
        server.answers[f"/{name}/me"] = (200, {})
        server.answers[f"/{name}/boards"] = (200, {"items": [{"id": number, "name": "B"}]})
        server.queued[f"/{name}/boards"] = [(200, "<h1>Scheduled Maintenance</h1>")]
    audit = tmp_path / "audit.jsonl"
    env = {
        "TOOL_URL": server.url,
        "COMPANY_GATEWAY_KEY": "key-of-the-gateway",
        "COMPANY_GATEWAY_HOSTS": "127.0.0.1",
        "COMPANY_MAINTENANCE_SECONDS": "0.01",
        "COMPANY_AUDIT_FILE": str(audit),
    }
    answer = python(CODE, "companyhooks", "good_a", "good_b", env=env)
    assert answer["found"] == {"alpha": [True, ["1"]], "beta": [True, ["2"]]}
    assert answer["states"]["company"] == "ok"

    assert len(server.requests) == 6
    for path, headers in server.requests:
        assert headers["X-Gateway-Key"] == "key-of-the-gateway"
        assert headers["X-Api-Key"] == f"tok-of-{path.split('/')[1]}"

    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [(line["plugin"], line["attempt"], line["status"]) for line in lines] == [
        *[("alpha", 1, 200), ("alpha", 1, 200), ("alpha", 2, 200)],
        *[("beta", 1, 200), ("beta", 1, 200), ("beta", 2, 200)],
    ]
    assert lines[0]["url"] == f"{server.url}/alpha/me"
    assert "tok-of" not in audit.read_text()
    assert "key-of-the-gateway" not in audit.read_text()
