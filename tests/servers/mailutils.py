"""GNU Mailutils, of the package mailutils-pop3d."""

import re

from .unpacked import Unpacked

CONFIGURATION = """\
mode daemon;
foreground yes;
logging {{ syslog no; }};
tls {{ ssl-certificate-file {pem}; ssl-key-file {pem}; }};
tls-file-checks {{ key-file none; cert-file none; }};
tcp-wrappers {{ enable no; }};
auth {{ authentication generic:system:pam; authorization system; }};
mailbox {{ mail-spool /var/mail; mailbox-type mbox; }};
server 127.0.0.1:{port} {{ tls-mode ondemand; }};
server 127.0.0.1:{tls_port} {{ tls-mode connection; }};
"""


class Mailutils(Unpacked):
    """It announces APOP, also without a database of passwords for it, and refuses it."""

    package = "mailutils-pop3d"
    service = "gnu-mailutils"
    greets_with_time_stamp = True
    capabilities = ("STLS", "TOP", "UIDL", "RESP-CODES", "PIPELINING", "AUTH-RESP-CODE", "USER")
    deliver = Unpacked.deliver_to_mbox

    def program(self, port, tls_port):
        text = CONFIGURATION.format(pem=self.pem, port=port, tls_port=tls_port)
        return ["pop3d", f"--config-file={self.write('pop3d.conf', text)}"]

    @staticmethod
    def as_delivered(octets):
        """Without the fields in which it keeps ids and what was read."""
        header, blank, body = octets.partition(b"\r\n\r\n")
        return re.sub(rb"\r\n(X-UIDL?|X-IMAPbase|Status): [^\r]*", b"", header) + blank + body
