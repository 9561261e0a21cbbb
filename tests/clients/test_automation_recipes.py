"""docs/recipes.md: jobs of CI, a playbook of Ansible, and downloads from a listing."""

import shutil
from pathlib import Path

import yaml

from tests.contract.sites import SECRET, Site, Store

from .test_recipes import Recipe, require, with_one_entry_point

VARIABLES = {
    "SIGNPOST_KEY": f"ci:{SECRET}",
    "GITHUB_REPOSITORY": "acme/site",
    "GITHUB_RUN_ID": "7",
    "GITHUB_STEP_SUMMARY": "summary.md",
    "CI_PROJECT_PATH": "acme/team/site",
    "CI_PIPELINE_ID": "8",
}


def test_jobs_of_ci_upload_their_files(site: Site, tmp_path: Path) -> None:
    """The lines of each job run unchanged, with the variables that each CI sets."""
    for heading, at in (("GitHub Actions", "acme/site/7"), ("GitLab CI", "acme/team/site/8")):
        folder = tmp_path / at
        (folder / "dist/docs").mkdir(parents=True)
        for name in ("app.zip", "docs/index.html"):
            (folder / "dist" / name).write_text(at)
        recipe = Recipe(site, folder, heading)
        (text,) = recipe.texts("yaml")
        jobs = yaml.safe_load(text)
        script = jobs["upload"]["script"] if "upload" in jobs else [jobs["jobs"]["build"]["steps"][-1]["run"]]
        recipe.blocks.append(("sh", "\n".join(script)))
        recipe.run(**VARIABLES)
        for name in ("app.zip", "docs/index.html"):
            assert site.curl("-L", site.at(f"/builds/{at}/dist/{name}")).body == at.encode()
    assert (tmp_path / "acme/site/7/summary.md").read_text() == f"[The files]({site.url}/builds/acme/site/7/dist/)\n"


@with_one_entry_point
def test_ansible_downloads_and_uploads_with_a_key(site: Site, tmp_path: Path) -> None:
    recipe = Recipe(site, tmp_path, "Ansible")
    (playbook,) = recipe.texts("yaml")
    (tmp_path / "play.yml").write_text(playbook)
    (tmp_path / "report.txt").write_text(site.url)
    recipe.blocks.append(("sh", "python3 -m ansible playbook --connection local --inventory localhost, play.yml"))
    recipe.run(ANSIBLE_REMOTE_TEMP=str(tmp_path))
    assert "日" in (tmp_path / "q3.csv").read_text()
    assert site.curl("-L", site.at("/builds/report.txt")).body == site.url.encode()


def test_aria2_and_curl_download_what_a_listing_names(site: Site, store: Store, tmp_path: Path) -> None:
    require("aria2c")
    odd = 'a b+c%25 ü日"\\[1]{a,b}#.txt'
    store.client().put_object(Bucket=store.bucket, Key=f"tenant/reports/{odd}", Body=odd.encode())
    recipe = Recipe(site, tmp_path, "Many files from a listing")
    for _ in list(recipe.blocks):
        recipe.run()
        assert (tmp_path / "reports" / odd.replace("\\", "%5C")).read_text() == odd
        assert "日" in (tmp_path / "reports/2026/q3.csv").read_text()
        shutil.rmtree(tmp_path / "reports")
