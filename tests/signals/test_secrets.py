"""Secrets in code: planted ones are found, ordinary code has none, masked text stays masked.

No secret stands here as a whole: tokens are drawn from seeded generators.
"""

from __future__ import annotations

import base64
import io
import json
import random
import string
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cupel.edits.remove_secrets import RemoveSecrets
from cupel.errors import BadOption
from cupel.signals.secrets import Secrets

UPPER = string.ascii_uppercase + string.digits
WORD = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def draw(rng: random.Random, alphabet: str, length: int) -> str:
    return "".join(rng.choices(alphabet, k=length))


def encoded(rng: random.Random, size: int) -> str:
    return base64.b64encode(rng.randbytes(size)).decode()


def url_encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def jwt(rng: random.Random) -> str:
    parts = [b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"%d"}' % rng.getrandbits(40), rng.randbytes(32)]
    return ".".join(map(url_encoded, parts))


def pem(rng: random.Random, label: str = "RSA ") -> str:
    body = "\n".join(encoded(rng, 48) for _ in range(12))
    return f"-----BEGIN {label}PRIVATE KEY-----\n{body}\n-----END {label}PRIVATE KEY-----"


KINDS = {
    "aws-access-key": lambda rng: rng.choice(["AK" + "IA", "AS" + "IA"]) + draw(rng, UPPER, 16),
    "google-api-key": lambda rng: "AI" + "za" + draw(rng, WORD + "-_", 35),
    "google-oauth-secret": lambda rng: "GOC" + "SPX-" + draw(rng, WORD + "-_", 28),
    "github-token": lambda rng: rng.choice(["gh" + "p_", "gh" + "s_"]) + draw(rng, WORD, 36),
    "gitlab-token": lambda rng: "gl" + "pat-" + draw(rng, WORD, 20),
    "slack-token": lambda rng: "xo" + "xb-" + draw(rng, string.digits, 12) + "-" + draw(rng, WORD, 24),
    "slack-webhook": lambda rng: "https://hooks." + "slack.com/services/T" + draw(rng, UPPER, 8) + "/B"
    + draw(rng, UPPER, 10) + "/" + draw(rng, WORD, 24),
    "stripe-key": lambda rng: "sk_" + "live_" + draw(rng, WORD, 24),
    "openai-key": lambda rng: "sk" + "-" + draw(rng, WORD, 20) + "T3Blbk" + "FJ" + draw(rng, WORD, 20),
    "huggingface-token": lambda rng: "h" + "f_" + draw(rng, string.ascii_letters, 34),
    "sendgrid-key": lambda rng: "S" + "G." + draw(rng, WORD, 22) + "." + draw(rng, WORD, 43),
    "npm-token": lambda rng: "np" + "m_" + draw(rng, WORD, 36),
    "pypi-token": lambda rng: "pypi-" + "AgEIcHlwaS5vcmc" + draw(rng, WORD, 120),
    "azure-storage-key": lambda rng: "AccountKey" + "=" + encoded(rng, 64),
    "jwt": jwt,
    "private-key": pem,
}  # fmt: skip
CONTEXTS = [
    'client = Client("{}")',
    "# Café: {}\nimport os",
    "export VALUE={}\n",
    '{{"value": "{}", "n": 1}}',
    "curl -H 'X-Value: {}' https://example.org",
]


def measured(texts: list[str | None], **options: object) -> list[tuple[int | None, str | None]]:
    signal = Secrets.from_options(options)
    batch = signal.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert batch.schema.names == list(signal.columns)
    assert batch.schema.types == [column.type for column in signal.columns.values()]
    return [tuple(row.values()) for row in batch.to_pylist()]


def masked(texts: list[str | None], **options: object) -> tuple[list[str | None], list[int]]:
    result = RemoveSecrets.from_options(options).edit(
        pa.record_batch({"text": pa.array(texts, pa.large_string())})
    )
    return result.text.to_pylist(), result.columns["secrets_masked"].to_pylist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_planted_secret_is_found(kind: str) -> None:
    rng = random.Random(kind)
    secrets = [KINDS[kind](rng) for _ in range(200)]
    texts = [CONTEXTS[number % len(CONTEXTS)].format(secret) for number, secret in enumerate(secrets)]
    # A drawn token may hold a placeholder, such as `xxxx`, once in a great many.
    assert measured(texts, assigned=False) == [(1, kind)] * len(texts)
    left, counts = masked(texts, assigned=False)
    assert counts == [1] * len(texts)
    assert left == [text.replace(secret, "<KEY>") for text, secret in zip(texts, secrets, strict=True)]


ASSIGNMENTS = [
    'password = "{}"',
    "api_key: '{}'",
    '"client_secret": "{}"',
    "AUTH_TOKEN={}\n",
    "config['secret-key'] => \"{}\";",
    'String accessKey = "{}";',
    'const API_KEY_PROD := "{}"',
]


@pytest.mark.parametrize(
    ("alphabet", "length"), [(WORD, 24), (WORD, 40), (HEX, 32), (HEX, 40), (WORD + "+/", 44)]
)
def test_planted_assignments_are_found(alphabet: str, length: int) -> None:
    rng = random.Random(length)
    values = [draw(rng, alphabet, length) for _ in range(400)]
    texts = [ASSIGNMENTS[number % len(ASSIGNMENTS)].format(value) for number, value in enumerate(values)]
    found_counts = [count for count, _ in measured(texts)]
    assert sum(count == 1 for count in found_counts) >= 384, "96 of 100"
    left, _ = masked(texts)
    for text, value, count, after in zip(texts, values, found_counts, left, strict=True):
        assert after == (text.replace(value, "<KEY>") if count else text)


def test_kinds_are_listed_once_and_sorted() -> None:
    rng = random.Random(1)
    text = "\n".join(KINDS[kind](rng) for kind in ["stripe-key", "jwt", "jwt", "aws-access-key"])
    secret = draw(rng, WORD, 40)
    assert measured([f"{text}\naws_secret = '{secret}'", None, ""]) == [
        (5, "aws-access-key, aws-secret-key, jwt, stripe-key"),
        (None, None),
        (0, None),
    ]


ORDINARY = [
    "password = getpass.getpass('Password: ')",
    "token = request.headers['Authorization']",
    'secret = "correct horse battery staple"',
    'password = "my_secret_password_1"',
    "api_key = os.environ['SERVICE_API_KEY_2']",
    'token_url = "https://example.org/oauth2/token"',
    'accessTokenExpirationInSeconds2020 = "accessTokenExpirationInSeconds2020"',
    'token = "123e4567-e89b-12d3-a456-426614174000"',
    'token_sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
    'secret_md5 = "0cc175b9c0f1b6a831c399e269772661"',
    'api_key = "your_api_key_goes_here_12345"',
    'api_key = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
    'key = "AKIA' + 'IOSFODNN7EXAMPLE"',
    'key = "AKIA' + 'XXXXXXXXXXXXXXXX"',
    'key = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"',
    "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    'if line.startswith("-----BEGIN RSA PRIVATE KEY-----"):',
    "-----BEGIN PUBLIC KEY-----\n" + "A1b2" * 40 + "\n-----END PUBLIC KEY-----",
    "eyJ is how a JWT begins: eyJhbGciOi...",
    "from secrets import token_hex  # hf_hub_download, npm_config, ghp_import",
    "tokens = ['<s>', '</s>', '<pad>']",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_code_has_no_secret(text: str) -> None:
    assert measured([text]) == [(0, None)]
    assert masked([text]) == ([text], [0])


def test_source_files_have_next_to_none(shared: Path) -> None:
    with (shared / "data" / "pool" / "code.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        texts = [json.loads(line)["text"] for line in lines]
    hits = [text for text, (count, _) in zip(texts, measured(texts), strict=True) if count]
    assert len(texts) > 20_000
    assert len(hits) <= 5, hits[:5]


def test_a_token_stands_alone() -> None:
    key = KINDS["aws-access-key"](random.Random(5))
    texts = [f"x{key}", f"{key}Z", f"_{key}", f"{key}_", f"é{key}é", f"{key}."]
    assert [count for count, _ in measured(texts, assigned=False)] == [0, 0, 0, 0, 1, 1]


def test_private_keys_are_masked_whole() -> None:
    rng = random.Random(9)
    for label in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "):
        key = pem(rng, label)
        assert masked([f"a\n{key}\nb\n{key}"]) == (["a\n<KEY>\nb\n<KEY>"], [2])
        one_line = key.replace("\n", "\\n")
        assert masked([f'k = "{one_line}"']) == (['k = "<KEY>"'], [1])
    cut_short = pem(rng).rpartition("\n")[0]
    assert masked([cut_short])[1] == [1]


def test_limits_of_entropy_decide() -> None:
    value = draw(random.Random(3), WORD, 24)
    text = f'token = "{value}"'
    assert measured([text]) == [(1, "assigned")]
    assert measured([text], min_entropy=5) == [(0, None)]
    assert measured([text], assigned=False) == [(0, None)]
    assert masked([text], replacement="")[0] == ['token = ""']
    with pytest.raises(BadOption, match="min_entropy"):
        Secrets.from_options({"min_entropy": -1})


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.sampled_from([*ORDINARY, "token=", "'", '"', "-----BEGIN PRIVATE KEY-----"]), st.text()),
        max_size=8,
    ),
    st.integers(0, 99),
)
@example(['accessTokenExpirationInSeconds2020 = "1"', "-----BEGIN PRIVATE KEY-----"], 93)
def test_masking_twice_changes_nothing_more(pieces: list[str], seed: int) -> None:
    rng = random.Random(seed)
    secret = KINDS[rng.choice(list(KINDS))](rng)
    text = "\n".join([*pieces, f"token = '{draw(rng, WORD, 30)}'", secret, *pieces])
    once, counts = masked([text])
    assert counts == [measured([text])[0][0]]
    assert masked(once) == (once, [0])


HOSTILE = ["eyJ", "eyJa.", "token=", "secret='", "AKIA", "sk-", "-----BEGIN PRIVATE KEY-----\n", "é", "\0"]


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_take_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    assert measured([text])[0][0] is not None
    assert measured(["-----BEGIN PRIVATE KEY-----" + "\n" * 1_000_000]) == [(0, None)]


def test_an_empty_batch() -> None:
    assert measured([]) == []
    assert masked([]) == ([], [])
