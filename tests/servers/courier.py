"""Courier, of the package courier-pop."""

from .unpacked import Unpacked

SCRIPT = """
/usr/lib/courier/courier-authlib/authdaemond &
set -a
. /etc/courier/pop3d
. /etc/courier/pop3d-ssl
POP3AUTH=$POP3AUTH_ORIG POP3AUTH_TLS=$POP3AUTH_ORIG
TLS_CERTFILE=$1 TLS_DHPARAMS= TLS_CACHEFILE=
listen="couriertcpd -address=127.0.0.1 -maxprocs=40 -maxperip=40 -nodnslookup -noidentlookup"
session="/usr/lib/courier/courier/courierpop3login /usr/lib/courier/courier/courierpop3d Maildir"
$listen $2 $session &
POP3_TLS=1 POP3_STARTTLS=NO
exec $listen $3 /usr/bin/couriertls -server -tcpd -user=courier $session
"""


class Courier(Unpacked):
    """Its passwords are hashed, so that it can't check the CRAM-MD5 that it lists."""

    package = "courier-pop"
    account = "courier"
    service = "pop3"
    capabilities = ("STLS", "TOP", "USER", "PIPELINING", "UIDL", "UTF8")
    logs_in_by = "AUTH PLAIN"
    sasl = ("PLAIN", "LOGIN", "CRAM-MD5", "CRAM-SHA1", "CRAM-SHA256")

    def prepare(self):
        super().prepare()
        (self.directory / "run" / "courier" / "authdaemon").mkdir(parents=True)
        self.give(self.directory / "run" / "courier", self.account_id)

    def program(self, port, tls_port):
        return ["sh", "-ec", SCRIPT, "sh", self.pem, port, tls_port]
