"""Cyrus, of the package cyrus-pop3d."""

import re
import smtplib

from integration.server import PASSWORD

from .unpacked import USERS, Unpacked

IMAPD = """\
configdirectory: /var/lib/cyrus
defaultpartition: default
partition-default: /var/spool/cyrus
servername: localhost
allowplaintext: yes
allowapop: yes
popminpoll: 0
failedloginpause: 0
munge8bit: no
autocreate_quota: 0
autocreate_post: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /var/lib/cyrus/sasldb2
sasl_mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256
tls_server_cert: {pem}
tls_server_key: {pem}
"""

SERVICES = """\
START {{ recover cmd="ctl_cyrusdb -r" }}
SERVICES {{
  pop3 cmd="pop3d" listen="127.0.0.1:{port}" prefork=1
  pop3s cmd="pop3d -s" listen="127.0.0.1:{tls_port}" prefork=1
  lmtp cmd="lmtpd -a" listen="127.0.0.1:{lmtp_port}" prefork=1
}}
EVENTS {{ }}
"""

SCRIPT = """
password=$1
shift
for user; do
    echo "$password" | saslpasswd2 -p -c -f /var/lib/cyrus/sasldb2 -u localhost "$user"
done
chown cyrus /var/lib/cyrus/sasldb2
exec /usr/lib/cyrus/bin/master -D
"""


class Cyrus(Unpacked):
    """Its passwords are not hashed, so that it can check all that it lists."""

    package = "cyrus-pop3d"
    account = "cyrus"
    ports = 3
    greets_with_time_stamp = True
    capabilities = ("STLS", "TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "USER")
    logs_in_by = "AUTH SCRAM-SHA-256"
    sasl = ("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")

    def prepare(self):
        super().prepare()
        self.write("etc/imapd.conf", IMAPD.format(pem=self.pem))
        for name in ("var/lib/cyrus", "var/spool/cyrus", "run/cyrus"):
            (self.directory / name).mkdir(parents=True)
            self.give(self.directory / name, self.account_id)

    def program(self, port, tls_port, lmtp_port):
        self._lmtp_port = lmtp_port
        self.write(
            "etc/cyrus.conf",
            SERVICES.format(port=port, tls_port=tls_port, lmtp_port=lmtp_port),
        )
        return ["sh", "-ec", SCRIPT, "sh", PASSWORD, *USERS]

    def deliver(self, user, contents):
        """By LMTP, which makes the mailbox, too."""
        with smtplib.LMTP("127.0.0.1", self._lmtp_port, timeout=30) as client:
            for content in contents:
                client.sendmail("ann@example.org", [user], content.replace(b"\n", b"\r\n"))

    @staticmethod
    def as_delivered(octets):
        """Without the fields before the message, of which X-Sieve is the last."""
        return re.sub(rb"\A.*?^X-Sieve: [^\n]*\n", b"", octets, flags=re.DOTALL | re.MULTILINE)
