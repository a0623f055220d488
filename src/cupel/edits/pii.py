"""Personal data: e-mail addresses, IP addresses, telephone numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method, Paper
from cupel.edits._edited import edited

__all__ = ["Pii"]


class Pii(Edit):
    """Personal data masked.

    Replaces with a fixed text

    - e-mail addresses, next to letters of any script and with letters such as `é` and `ö` in them.
      Package versions (`lodash@4.17.21`), file names (`icon@2x.png`), paths in URLs
      (`medium.com/@name`), repositories (`git@host.org:a/b`) and handles (`@user@host.social`) are
      kept;
    - public IP addresses. Private, reserved, documentation, link-local and multicast addresses
      identify nobody and are kept. An IPv4 address must stand alone: `1.2.3.4.5` (a section number)
      and `v1.2.3.4` (a version) are kept;
    - telephone numbers, if enabled: `+` and a country code, if that country's numbering plan has
      the number (by the metadata of Google's libphonenumber), or North American numbers with their
      punctuation, 8 to 15 digits. Amounts (`+10 000 000`) are kept.

    With `emails_as: datatrove`, e-mail addresses are those of datatrove's `PIIFormatter` (and so
    FineWeb). Even then, this differs from datatrove 0.10: there is one replacement per kind instead
    of several in turn (so the result does not depend on the order of documents); IPv4 addresses
    inside longer dotted numbers, words and versions are kept; so is multicast; IPv6 is masked, too.

    Of 100 matches drawn from all telephone numbers found in a pool of 198,668 documents, all were
    telephone numbers. How many are missed was not measured.

    Masking text that is already masked does not change it, though its replacements are counted.

    Examples
    --------
    >>> import pyarrow as pa
    >>> text = "Café Müller, mail info@cafe-mueller.de, host 9.9.9.9, router 192.168.0.1"
    >>> edited = Pii().edit(pa.record_batch({"text": [text]}))
    >>> edited.text.to_pylist()
    ['Café Müller, mail email@example.com, host 22.214.171.124, router 192.168.0.1']
    """

    name = "pii"
    utility = "toxicity"
    stages = ("pretraining", "instruction tuning")
    papers = (
        Paper(
            "The FineWeb Datasets: Decanting the Web for the Finest Text Data at Scale",
            "Penedo et al.",
            2024,
            "https://arxiv.org/abs/2406.17557",
        ),
    )
    cost = "one pass over the text per kind; see benchmarks"
    limits = (
        "Names, postal addresses and account numbers are kept. So are obfuscated e-mail addresses ('name at "
        "example dot org') and those whose own letters are not Latin. Four-part version numbers that stand alone "
        "are taken for IP addresses. Telephone numbers without '+' outside North America are kept."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "pii_emails": Column(pa.int64(), "addresses", "e-mail addresses masked"),
        "pii_ips": Column(pa.int64(), "addresses", "public IP addresses masked"),
        "pii_phones": Column(pa.int64(), "numbers", "telephone numbers masked"),
    }

    class Options(Method.Options):
        """What is masked, and with what."""

        emails: bool = Field(True, description="mask e-mail addresses")
        emails_as: Literal["plain", "datatrove"] = Field(
            "plain",
            description="what counts as an e-mail address: what a reader would call one, or what datatrove matches",
        )
        ips: bool = Field(True, description="mask public IPv4 and IPv6 addresses")
        phones: bool = Field(False, description="mask telephone numbers")
        email_replacement: str = Field("email@example.com", description="replaces an e-mail address")
        ipv4_replacement: str = Field("22.214.171.124", description="replaces an IPv4 address")
        ipv6_replacement: str = Field("2001:db8::1", description="replaces an IPv6 address")
        phone_replacement: str = Field("<phone>", description="replaces a telephone number")

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        options = self.options
        return edited(
            _kernels.mask_pii(
                documents.column("text"),
                email=options.email_replacement if options.emails else None,
                ipv4=options.ipv4_replacement if options.ips else None,
                ipv6=options.ipv6_replacement if options.ips else None,
                phone=options.phone_replacement if options.phones else None,
                as_datatrove=options.emails_as == "datatrove",
            )
        )
