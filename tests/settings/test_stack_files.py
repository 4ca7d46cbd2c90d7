import pytest

from surgeproof.settings.errors import DocumentError
from surgeproof.settings.stack_files import (
    imported_environments,
    read_config,
    read_project_name,
    read_settings_file,
    unread_namespaces,
)


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text(text)
        return file

    return write


FORM = "must have keys of the form <namespace>:<name>"


def refusal(read, *args):
    with pytest.raises(DocumentError) as refused:
        read(*args)
    return str(refused.value)


def test_keys_are_read_as_the_engine_reads_them(write):
    file = write("config: {fleet: 1, 'shop:scaling': 2, 'aws:config:region': x}")

    assert read_config(file, "shop") == {"shop:fleet": 1, "shop:scaling": 2, "aws:region": "x"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", " must be a mapping of keys, got a list"),
        ("config: []", " config: must be a mapping of keys, got a list"),
        ("config: x", " config: must be a mapping of keys, got a text"),
        ("config: {a: 1, 'shop:a': 2}", " config.shop:a: must be given only once, got a too"),
        ("config: {'a:b:c': 1}", f" config: {FORM}, got 'a:b:c'"),
        ("config: {'': 1}", f" config: {FORM}, got ''"),
        ("config: {':a': 1}", f" config: {FORM}, got ':a'"),
    ],
)  # fmt: skip
def test_settings_of_another_form(write, text, problem):
    assert refusal(read_config, write(text), "shop") == f"Pulumi.dev.yaml:{problem}"


@pytest.mark.parametrize("text", ["", "config:", "config: {}", "encryptionsalt: x"])
def test_settings_without_configuration(write, text):
    assert read_settings_file(write(text))["config"] == {}


@pytest.mark.parametrize(
    ("text", "got"),
    [("{}", "nothing"), ("name: 5", "a number"), ("name: a/b", "'a/b'"), ("name: ''", "''"),
     ("name: [x]", "a list"), ('name: "a\\nb"', "'a\\nb'")],
)  # fmt: skip
def test_a_project_without_a_name(write, text, got):
    rule = "must be letters, digits, '-', '_' and '.' (at most 100)"

    assert refusal(read_project_name, write(text)) == f"Pulumi.dev.yaml: name: {rule}, got {got}"


@pytest.mark.parametrize("namespace", ["shop", "aws", "policies", "pulumi", "awsx", "aws-native"])
def test_a_namespace_that_is_read(namespace):
    assert unread_namespaces([f"{namespace}:x"], "shop") == []


def test_a_namespace_that_nobody_reads():
    rule = "must have a namespace that something reads"

    assert unread_namespaces(["shpo:fleet", "aw:region", "gcp:project"], "shop") == [
        f"shpo:fleet: {rule} (nearest: shop), got 'shpo'",
        f"aw:region: {rule} (nearest: aws), got 'aw'",
        f"gcp:project: {rule} (shop, aws, policies, pulumi), got 'gcp'",
    ]
    assert unread_namespaces(["Shop:fleet", "gcp:project"], "shop", near_only=True) == [
        f"Shop:fleet: {rule} (nearest: shop), got 'Shop'"
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("config: {}", ()),
        ("environment:", ()),
        ("environment: [shop/dev, common]", ("shop/dev", "common")),
        ("environment: {imports: [common, {base: {merge: false}}]}", ("common", "base")),
        ("environment: {values: {a: 1}}", ("written out in the settings",)),
    ],
)
def test_environments_that_a_stack_imports(write, text, names):
    assert imported_environments(write(text)) == names
