"""The one way in which anything that was made is kept: whole or not there, one maker at a time, named by what decides it."""

from __future__ import annotations

from cupel.store.artifacts import Artifact, Key, Store, default_folder
from cupel.store.delivery import deliver, refuse_foreign
from cupel.store.digests import digest, digest_all, digest_file, digest_json, seeded_rank
from cupel.store.files import make, make_folder, put, rename, replace, sync, temporary
from cupel.store.pages import page_fault, seal_page

__all__ = [
    "Artifact",
    "Key",
    "Store",
    "default_folder",
    "deliver",
    "digest",
    "digest_all",
    "digest_file",
    "digest_json",
    "make",
    "make_folder",
    "page_fault",
    "put",
    "refuse_foreign",
    "rename",
    "replace",
    "seal_page",
    "seeded_rank",
    "sync",
    "temporary",
]
