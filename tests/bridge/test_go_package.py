"""The Go package: what Go's own tools say of it."""

from tests.bridge import gotools
from tests.bridge.conftest import MODULE


def test_vet_finds_nothing(go):
    assert go("vet", "./...") == ""


def test_every_file_is_formatted(go):
    assert go("-l", ".", command="gofmt") == ""


def test_its_own_tests_pass(go):
    assert "FAIL" not in go("test", *gotools.races(), "./...")


def test_it_needs_the_standard_library_alone(go):
    ours = go("list", "-m", "all").split()
    assert ours == ["devlake_core/contrib/go"]
    assert not (MODULE / "go.sum").exists()
