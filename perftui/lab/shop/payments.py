"""Payment: a card is charged by a provider, over HTTP."""

from __future__ import annotations

import http.client
import json

TIMEOUT_S = 3.0


class Refused(Exception):
    """The provider did not answer, or did not agree (HTTP 503)."""


class Payments:
    """Charges cards at the provider on this port of this host; without one all is paid later."""

    def __init__(self, port: int | None) -> None:
        self._port = port

    def charge(self, card: str, total: int) -> None:
        """Charge a total in cents. Raises Refused."""
        if self._port is None:
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        try:
            connection.request("POST", "/charges", json.dumps({"card": card, "total": total}))
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            raise Refused("the payment provider does not answer") from error
        finally:
            connection.close()
        if status != 200:
            raise Refused("the payment provider refused")
