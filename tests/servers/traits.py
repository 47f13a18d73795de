"""What the tests have to know of a server, besides how it is started."""


class Traits:
    """The commonest; a server says what is different with it."""

    #: What it can be reached by: plain text, STLS, TLS from the first octet on.
    links = ("plain", "stls", "pop3s")
    #: Whether its greeting has a time stamp for APOP.
    greets_with_time_stamp = False
    #: What CAPA lists before TLS and the login, apart from SASL; None if it is unknown.
    capabilities = ()
    #: The mechanisms of SASL that CAPA lists before TLS.
    sasl = ()
    #: By what login() gets in where the certificate was verified, or, without TLS, at all.
    logs_in_by = "USER"

    @staticmethod
    def as_delivered(octets):
        """A message as it was before this server added header fields."""
        return octets
