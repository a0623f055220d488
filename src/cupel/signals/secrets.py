"""Keys and tokens in source code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Method, Paper, Signal
from cupel.signals._columns import STARCODER

__all__ = ["SANTACODER", "SecretOptions", "Secrets"]

SANTACODER = Paper(
    "SantaCoder: don't reach for the stars!",
    "Ben Allal et al.",
    2023,
    "https://arxiv.org/abs/2301.03988",
    "4.1, and the code published with it (bigcode-dataset, pii)",
)


class SecretOptions(Method.Options):
    """What counts as a secret beside the forms of known services."""

    assigned: bool = Field(
        True,
        description="count values that look random and are assigned to a name with `secret`, `token`, `password`, `api_key` "
        "and the like",
    )
    min_entropy: float = Field(
        3.5, ge=0, le=8, description="least Shannon entropy of an assigned value, in bits per character"
    )
    min_hex_entropy: float = Field(
        3.0, ge=0, le=4, description="the same for a value of nothing but hexadecimal digits"
    )


class Secrets(Signal):
    """Secrets in the text: keys of services, private keys, values assigned to names such as `api_key`.

    Code that was published by mistake holds keys that still open doors, and a model repeats them. BigCode found them with
    the tool detect-secrets and masked them before training SantaCoder and StarCoder. The kinds here:

    - by form: `aws-access-key`, `google-api-key`, `google-oauth-secret`, `github-token`, `gitlab-token`, `slack-token`,
      `slack-webhook`, `stripe-key` (live keys), `openai-key` (and Anthropic's), `huggingface-token`, `sendgrid-key`,
      `npm-token`, `pypi-token`, `azure-storage-key`, `jwt`. Such a token must stand alone, and have at least 3 bits of
      entropy per character, which `AKIAXXXXXXXXXXXXXXXX` has not;
    - `private-key`: a PEM block (RSA, EC, OpenSSH, PGP) with at least one line of its content;
    - `assigned` (and `aws-secret-key`): a value of 16 to 200 characters in quotes, or of 20 and more up to the end of the
      line, that is assigned (`=`, `:`, `=>`, `:=`) to a name with `secret`, `token`, `passw`, `pwd`, `api_key`,
      `access_key`, `auth_key`, `private_key` or `credential` in it.

    An assigned value must look random: with digits among its letters, an entropy of `min_entropy` bits per character
    (`min_hex_entropy` for hexadecimal digits, detect-secrets' own 3.0; its 4.5 for base64 can only be reached by values of
    23 and more characters), and frequent changes between small letters, capitals and digits, in place of the classifier
    of gibberish that BigCode uses. As there, UUIDs, and values with the length of a hash in a line that speaks of `sha`,
    `md5`, `hash` or `byte`, do not count; nor do placeholders (`example`, `your_`, `xxxx`, `1234567`).

    Unlike detect-secrets, no string counts for its entropy alone: in code, most strings of high entropy are hashes, ids
    and test data. `remove-secrets` masks what this signal counts.

    Examples
    --------
    >>> import pyarrow as pa
    >>> code = 'key = "AKIA' + 'Q7Z4M2WX8RT6YV3B"  # Café\\npassword = "' + 'q8Zr2LkV9xT4mB7w"'
    >>> measured = Secrets().measure(pa.record_batch({"text": [code, "password = getpass('東京')"]}))
    >>> measured.to_pylist()
    [{'secret_count': 2, 'secret_kinds': 'assigned, aws-access-key'}, {'secret_count': 0, 'secret_kinds': None}]
    """

    name = "secrets"
    papers = (SANTACODER, STARCODER)
    cost = "two searches for some 50 literals"
    limits = (
        "Passwords that are words, short or in prose are not found, nor are keys without a form of their own that are not "
        "assigned to a telling name. Revoked keys and keys of test systems count like others."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "secret_count": Column(pa.int64(), "secrets", "keys, tokens and passwords in the text"),
        "secret_kinds": Column(pa.large_string(), "kinds", "their kinds, each once, with commas"),
    }

    class Options(SecretOptions):
        """What counts as a secret beside the forms of known services."""

    options: Options

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        from cupel import _kernels

        return pa.record_batch(_kernels.count_secrets(documents.column("text"), **self.options.model_dump()))
