"""docs/cdn.md: the service takes the key that its commands make, CloudFront has their parameters, its tables load."""

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from cryptography.hazmat.primitives.hashes import SHA1

from chalicelib.backends.cdn_keys import key_source
from chalicelib.core.s3 import passthrough
from chalicelib.core.s3.cdn import CdnSigner
from chalicelib.core.s3.stores import Cdn
from tests.support.builders import NOW, mount, soon, target
from tests.support.cdn_key import cdn, decoded, pem, verify
from tests.support.settings_files import mistakes

from .aws_account import PROJECT

PAGE = (PROJECT / "docs/cdn.md").read_text()
MODEL = botocore.session.get_session().get_service_model("cloudfront")


def code(language: str) -> list[str]:
    return [dedent(text) for text in re.findall(rf"^ *```{language}\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)]


def test_the_commands_make_a_key_and_have_the_parameters_of_cloudfront(tmp_path: Path) -> None:
    make_keys, give, store, make_policy = code("sh")
    subprocess.run(["bash", "-e", "-c", make_keys], cwd=tmp_path, check=True, capture_output=True)
    assert key_source("cdn.pem", str(tmp_path))(soon())(b"text")
    public = (tmp_path / "cdn-public.pem").read_text()
    for line in f"{give}{make_policy}".replace("\\\n", "").replace("$(cat cdn-public.pem)", public).split("\naws "):
        program, operation, *words = shlex.split(line.removeprefix("aws "))
        options = dict(zip(words[::2], words[1::2], strict=True))
        assert (program, options.pop("--query").endswith(".Id")) == ("cloudfront", True)
        ((option, text),) = options.items()
        name = "".join(word.capitalize() for word in option.strip("-").split("-"))
        value: Any
        if text.startswith("file://"):
            value = json.loads((PROJECT / text.removeprefix("file://")).read_text())
        else:
            value = dict(pair.split("=", 1) for pair in text.split(","))
            value |= {"Items": [value["Items"]]} if "Items" in value else {}
        method = "".join(word.capitalize() for word in operation.split("-"))
        shape: Any = MODEL.operation_model(method).input_shape
        validate_parameters({name: value}, shape)
    assert store.startswith("aws secretsmanager create-secret ")


def test_the_aws_cli_signs_the_same_text_for_the_same_url(tmp_path: Path) -> None:
    """aws-cli signs with RSA and SHA-1 only, so its signature differs from the signature of the service.

    The test compares the URL without the signature, and verifies the signature of aws-cli over the text that the
    service signs. In tests/unit/backends/test_cdn_keys.py, `cryptography` verifies the SHA-256 signatures of the
    service.
    """
    aws = shutil.which("aws")
    if aws is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("aws is not installed")
    (tmp_path / "rsa.pem").write_text(pem("rsa2048", traditional=True))
    texts: list[bytes] = []

    def sign(cdn: Cdn, text: bytes, deadline: object) -> bytes:
        texts.append(text)
        return b""

    at_cdn = mount()._replace(cdn=cdn("rsa2048"))
    query = {"response-content-disposition": 'attachment; filename="a&b.txt"'}
    for key in ("a b+c%25 ü日.txt", "a//b", "q?x#y*"):
        file = target(key, at_cdn)
        url = CdnSigner(sign).url("GET", file, query=query, now=NOW, deadline=soon(), mark=None).url
        plain, expires, _ = re.split(r"&Expires=(\d+)", url)
        options = {"--url": plain, "--key-pair-id": "K2JCJMDEHXQW5F", "--private-key": "file://rsa.pem"}
        words = (word for option in (options | {"--date-less-than": expires}).items() for word in option)
        command = [str(aws), "cloudfront", "sign", *words]
        signed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()
        before, signature, after = re.split("Signature=([^&]*)", signed)
        assert before + after == url.replace("Signature=", "").removesuffix("&Hash-Algorithm=SHA256")
        verify(pem("rsa2048"), decoded(signature), texts[-1], SHA1())


def test_the_cache_policy_has_the_parameters_that_change_an_answer_and_no_version() -> None:
    policy = json.loads((PROJECT / "docs/cdn/cache-policy.json").read_text())
    names = policy["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"]["QueryStrings"]
    assert names == {"Quantity": len(passthrough.OVERRIDES), "Items": [*passthrough.OVERRIDES]}
    assert json.loads(code("json")[0])["Action"] == "s3:GetObject"


def test_the_settings_of_the_page_are_right(tmp_path: Path) -> None:
    for text in code("toml"):
        assert mistakes(tmp_path, text, {"CDN_KEY": pem("P-256"), "AWS_REGION": "eu-west-1"}) == []
