"""`privacy` in bridge.yaml: who the tracker's readers are, and what each destination gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bridge.config import secrets
from bridge.model.privacy import POLICIES, Destination, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyConfig:
    """Checked settings; the schema has seen to the words."""

    values: Mapping[str, Any]
    root: Path

    @property
    def tracker(self) -> Destination:
        """Return whom an issue in the tracker reaches."""
        found: Destination = self.values.get("tracker", "engineers")
        return found

    def policy(self, destination: Destination, *, case_id: str = "") -> Policy:
        """Return a destination's policy; with a key, pseudonyms hold through the case and differ between cases. AccessError when the key is missing."""
        given = self.values.get("destinations", {}).get(destination, {})
        base = POLICIES[destination]
        return replace(
            base,
            keep=tuple(given.get("keep", base.keep)),
            leave_out=tuple(given.get("leave_out", base.leave_out)),
            key=self._key(case_id),
            known=tuple(self.values.get("known", ())),
        )

    def _key(self, case_id: str) -> bytes:
        reference = self.values.get("key")
        if not reference:
            return b""
        import hmac

        secret = secrets.resolve(str(reference), root=self.root, label="privacy.key")
        return hmac.digest(secret.encode(), case_id.encode(), "sha256")
