"""A rule gives no shorter life than the window of its mount needs."""

from pathlib import Path

from tests.support.settings_files import MOUNT_VALUES, mistakes, table


def test_a_rule_has_a_life_of_two_windows_of_each_mount_that_it_reaches(tmp_path: Path) -> None:
    windows = {"/": "50", "/in": "100", "/in/none": "0"}
    mounts = "".join(
        table("[[mounts]]", MOUNT_VALUES | {"path": f'"{path}"', "stable_seconds": seconds})
        for path, seconds in windows.items()
    )
    for path, least in {
        **{"/a": 100, "/**": 200, "/*/a": 200, "/{user}/none/**": 200, "/in/**": 200, "/in": 200},
        **{"/in/none/**": 0, "/in/none/a/*": 0, "/in/none": 200, "/innn/**": 100, "/other/**": 100},
    }.items():
        rule = {"path": f'"{path}"', "allow": '["read"]', "to": '["anyone"]'}
        for seconds in {max(least - 1, 1), max(least, 1)}:
            found = mistakes(tmp_path, mounts + table("[[rules]]", rule | {"url_seconds": str(seconds)}))
            wanted = f"stable_seconds = {least // 2}: write at least {least}, or lower stable_seconds"
            words = f":20: rules[1].url_seconds: is {seconds}, but a mount here has {wanted}"
            assert found == [words] * (seconds < least), path
    rule = {"path": '"/a"', "deny": '["read"]', "to": '["anyone"]', "url_seconds": "300"}
    (mistake,) = mistakes(tmp_path, mounts + table("[[rules]]", rule))
    assert "rules[1].url_seconds: is the life of presigned URLs, so it belongs in a rule that allows" in mistake
