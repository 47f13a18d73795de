"""Dovecot, as tests/integration runs it."""

from integration import dovecot, dovecot_config

from .traits import Traits


class Dovecot(Traits, dovecot.Dovecot):
    greets_with_time_stamp = True
    logs_in_by = "AUTH SCRAM-SHA-256"
    capabilities = ("STLS", "TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "USER")

    def __init__(self, certificate):
        super().__init__(dovecot.find(), dovecot_config.TLS(certificate))
        self.sasl = self.offered(encrypted=False)
