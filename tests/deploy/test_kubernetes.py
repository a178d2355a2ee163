"""deploy/kubernetes: valid by the published schemas, restricted, and in keeping with the bot's configuration."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot import __version__
from bot.config.accounts import in_shard
from bot.config.load import load
from bot.config.sections import KEYS
from bot.config.texts import environment_name
from bot.errors import ConfigError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
CUSTOM = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
FILES = sorted(path.name for path in FOLDER.iterdir() if path.name != "kustomization.yaml")
OBJECTS = {name: yaml.safe_load((FOLDER / name).read_text("utf-8")) for name in FILES}
DEPLOYMENT, CRON = OBJECTS["deployment.yaml"], OBJECTS["cronjob.yaml"]
CONFIGURATION, SECRET = OBJECTS["configmap.yaml"], OBJECTS["secret.example.yaml"]
PODS = {
    "deployment.yaml": DEPLOYMENT["spec"]["template"],
    "cronjob.yaml": CRON["spec"]["jobTemplate"]["spec"]["template"],
}

pods = pytest.mark.parametrize("pod", PODS.values(), ids=PODS)


@pytest.mark.parametrize("name", FILES)
def test_each_object_is_valid_by_the_schema_of_its_kind(name):
    schemas = pytest.importorskip("kubernetes_validate", reason="make gate installs the schemas")
    for version in ("1.29", schemas.latest_version()):
        schemas.validate(OBJECTS[name], version, strict=True)


def test_the_kustomization_names_files_that_are_there_and_one_way_to_run():
    assert set(CUSTOM["resources"]) == set(FILES) - {"secret.example.yaml", "cronjob.yaml"}


def test_an_upgrade_does_not_put_placeholders_in_place_of_the_secret():
    assert "secret.example.yaml" not in CUSTOM["resources"]


def test_the_image_is_that_of_this_version():
    assert [(image["name"], image["newTag"]) for image in CUSTOM["images"]] == [("lipsync-bot", __version__)]
    assert {pod["spec"]["containers"][0]["image"] for pod in PODS.values()} == {"lipsync-bot"}


# https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted


@pods
def test_a_pod_keeps_to_the_restricted_security_standard(pod):
    spec = pod["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"hostNetwork", "hostPID", "hostIPC"}.isdisjoint(spec)
    assert {kind for volume in spec["volumes"] for kind in volume if kind != "name"} == {
        "persistentVolumeClaim",
        "secret",
    }


def test_the_namespace_holds_every_pod_to_it():
    assert OBJECTS["namespace.yaml"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pods
def test_a_pod_runs_as_the_user_of_the_image_and_has_no_key_to_the_cluster(pod):
    user = re.search(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert user
    security = pod["spec"]["securityContext"]
    given = security["runAsUser"], security["runAsGroup"], security["fsGroup"]
    assert given == (int(user[1]), int(user[2]), int(user[2]))
    assert pod["spec"]["automountServiceAccountToken"] is False


@pods
def test_a_pod_finds_the_configuration_the_secret_and_the_volume(pod):
    (container,) = pod["spec"]["containers"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    assert container["envFrom"] == [{"configMapRef": {"name": CONFIGURATION["metadata"]["name"]}}]
    assert mounts["/run/secrets"]["secret"]["secretName"] == SECRET["metadata"]["name"]
    assert mounts["/data"]["persistentVolumeClaim"]["claimName"] == OBJECTS["volume.yaml"]["metadata"]["name"]


@pods
def test_a_pod_asks_for_what_it_needs_and_its_memory_is_bounded(pod):
    resources = pod["spec"]["containers"][0]["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


# The configuration


def test_what_the_configuration_sets_are_keys_of_the_bot_and_no_secrets():
    open_keys = {environment_name(key.name) for key in KEYS if not key.secret} - {"CHANJING_APP_ID"}
    assert set(CONFIGURATION["data"]) <= open_keys


def test_with_a_secret_of_its_own_values_the_bot_has_all_it_needs(tmp_path):
    for name in SECRET["stringData"]:
        (tmp_path / name).write_text("xoxb-1-made-up", "ascii")
    config = load(Path("/dev/null"), CONFIGURATION["data"], secrets_dir=tmp_path)["default"]
    assert config.slack.channel


def test_the_example_of_the_secret_is_refused_as_it_stands(tmp_path):
    for name, value in SECRET["stringData"].items():
        (tmp_path / name).write_text(value, "ascii")
    with pytest.raises(ConfigError) as refused:
        load(Path("/dev/null"), CONFIGURATION["data"], secrets_dir=tmp_path)
    assert str(refused.value).count("is still a placeholder") == len(SECRET["stringData"])


# One at a time


def test_the_deployment_is_one_pod_that_leaves_before_the_next_comes():
    assert (DEPLOYMENT["spec"]["replicas"], DEPLOYMENT["spec"]["strategy"]) == (1, {"type": "Recreate"})
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"] == DEPLOYMENT["spec"]["template"]["metadata"]["labels"]


def test_the_cron_job_polls_once_and_never_beside_itself():
    job = CRON["spec"]["jobTemplate"]["spec"]
    assert job["template"]["spec"]["containers"][0]["args"] == ["run", "--once"]
    assert CRON["spec"]["concurrencyPolicy"] == "Forbid"
    assert (job["backoffLimit"], job["template"]["spec"]["restartPolicy"]) == (0, "Never")


@pods
def test_a_pod_has_time_to_leave(pod):
    assert pod["spec"]["terminationGracePeriodSeconds"] > 10


# Probes


def probe(name):
    return DEPLOYMENT["spec"]["template"]["spec"]["containers"][0][f"{name}Probe"]


def max_silence(name):
    """Return the seconds of red for which a probe waits."""
    return probe(name)["periodSeconds"] * probe(name)["failureThreshold"]


def test_the_probes_ask_where_the_bot_listens():
    (container,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
    host, _, port = CONFIGURATION["data"]["MONITOR_LISTEN"].rpartition(":")
    assert host == "0.0.0.0"  # noqa: S104 - the kubelet asks from outside of the pod
    assert container["ports"] == [{"name": "monitor", "containerPort": int(port)}]
    asked = {name: probe(name)["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: (get["path"], get["port"]) for name, get in asked.items()} == {
        "startup": ("/healthz", "monitor"),
        "liveness": ("/healthz", "monitor"),
        "readiness": ("/readyz", "monitor"),
    }


def test_a_restart_comes_only_after_minutes_of_red():
    assert max_silence("startup") >= 120
    assert max_silence("liveness") >= 600


# The network


def test_the_pods_reach_dns_and_https_and_are_reached_by_the_probes_alone():
    policy = OBJECTS["networkpolicy.yaml"]["spec"]
    labels = policy["podSelector"]["matchLabels"].items()
    assert all(labels <= pod["metadata"]["labels"].items() for pod in PODS.values())
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["monitor"]
    assert {port["port"] for rule in policy["egress"] for port in rule["ports"]} == {53, 443}


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254"])
def test_the_pods_do_not_reach_the_metadata_service(address):
    blocks = [to["ipBlock"] for rule in OBJECTS["networkpolicy.yaml"]["spec"]["egress"] for to in rule.get("to", ())]
    assert blocks
    asked = ip_address(address)
    open_to = [b for b in blocks if asked in ip_network(b["cidr"])]
    assert all(any(asked in ip_network(one) for one in block["except"]) for block in open_to)


# The overlays

OVERLAYS = {name: ROOT / f"deploy/kubernetes-{name}" for name in ("standby", "shards")}


def read(overlay: Path, name: str) -> Any:
    return yaml.safe_load((overlay / name).read_text("utf-8"))


@pytest.mark.parametrize("overlay", OVERLAYS.values(), ids=OVERLAYS)
def test_an_overlay_names_its_files_and_changes_objects_that_are_there(overlay):
    custom = read(overlay, "kustomization.yaml")
    patches = [patch["path"] for patch in custom["patches"] if "path" in patch]
    generated = [file for one in custom.get("configMapGenerator", []) for file in one["files"]]
    named = {*custom["resources"], *patches, *generated}
    assert named == {"../kubernetes", *(path.name for path in overlay.iterdir())} - {"kustomization.yaml"}
    for patch in (read(overlay, name) for name in patches):
        target = next(one for one in OBJECTS.values() if one["kind"] == patch["kind"])
        assert patch["metadata"] == target["metadata"]


@pytest.mark.parametrize(
    ("overlay", "name"), [("standby", "disruption"), ("shards", "statefulset"), ("shards", "service")]
)
def test_each_object_of_an_overlay_is_valid_by_the_schema_of_its_kind(overlay, name):
    schemas = pytest.importorskip("kubernetes_validate", reason="make gate installs the schemas")
    schemas.validate(read(OVERLAYS[overlay], f"{name}.yaml"), schemas.latest_version(), strict=True)


def test_the_pods_that_stand_by_are_two_and_one_of_them_is_always_there():
    deployment, disruption = (read(OVERLAYS["standby"], f"{name}.yaml") for name in ("deployment", "disruption"))
    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["template"]["spec"]["containers"] == [
        {"name": "lipsync-bot", "args": ["run", "--standby"]}
    ]
    assert disruption["spec"]["minAvailable"] == 1
    assert disruption["spec"]["selector"] == DEPLOYMENT["spec"]["selector"]


def test_a_shard_is_as_locked_down_as_the_one_pod_and_there_are_as_many_as_it_says():
    shards = read(OVERLAYS["shards"], "statefulset.yaml")["spec"]
    (container,), (other,) = (
        shards["template"]["spec"]["containers"],
        DEPLOYMENT["spec"]["template"]["spec"]["containers"],
    )
    assert container["securityContext"] == other["securityContext"]
    assert shards["template"]["spec"]["securityContext"] == DEPLOYMENT["spec"]["template"]["spec"]["securityContext"]
    assert container["args"][-1] == f"$(SHARD)/{shards['replicas']}"
    assert shards["selector"]["matchLabels"] == shards["template"]["metadata"]["labels"]


def test_the_accounts_of_the_shards_are_a_configuration_without_their_secrets(tmp_path):
    secrets = {"slack_bot_token": "xoxb-1-made-up", "state_url": "postgresql://bot:s3cret@db/bot"}
    secrets |= {f"accounts_{name}_chanjing_access_token": "made-up" for name in ("shop", "club", "school")}
    for name, value in secrets.items():
        (tmp_path / name).write_text(value, "ascii")
    configs = load(OVERLAYS["shards"] / "config.yaml", CONFIGURATION["data"], secrets_dir=tmp_path)
    assert {name: bool(config.state.url) for name, config in configs.items()} == {
        "shop": True,
        "club": True,
        "school": True,
    }
    shards = read(OVERLAYS["shards"], "statefulset.yaml")["spec"]["replicas"]
    assert {index for index in range(shards) for name in configs if in_shard(name, index, shards)} == set(range(shards))
