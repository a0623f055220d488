"""Keys and tokens masked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited
from cupel.edits._edited import edited
from cupel.signals._columns import STARCODER
from cupel.signals.secrets import SANTACODER, SecretOptions

__all__ = ["RemoveSecrets"]


class RemoveSecrets(Edit):
    """Secrets masked: keys of services, private keys, values assigned to names such as `api_key`.

    Masks what the signal `secrets` counts; its page lists the kinds and the tests. Of an assignment only the value is
    replaced, so the code keeps its shape; of a private key, the whole block. The default replacement, `<KEY>`, is
    StarCoder's. Names, e-mail and IP addresses are another step's (`pii`, `pii-entities`).

    Masking text that is already masked changes nothing.

    Examples
    --------
    >>> import pyarrow as pa
    >>> code = 'café = "AKIA' + 'Q7Z4M2WX8RT6YV3B"'
    >>> edited = RemoveSecrets().edit(pa.record_batch({"text": [code, None]}))
    >>> edited.text.to_pylist(), edited.columns["secrets_masked"].to_pylist()
    (['café = "<KEY>"', None], [1, 0])
    """

    name = "remove-secrets"
    papers = (SANTACODER, STARCODER)
    cost = "as the signal `secrets`"
    limits = (
        "What the signal does not count stays: passwords that are words, keys without a form of their own under a name "
        "that says nothing. This does not replace revoking what was published."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "secrets_masked": Column(pa.int64(), "secrets", "keys, tokens and passwords masked"),
    }

    class Options(SecretOptions):
        """What is masked, and with what."""

        replacement: str = Field("<KEY>", description="replaces a secret")

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        return edited(_kernels.mask_secrets(documents.column("text"), **self.options.model_dump()))
