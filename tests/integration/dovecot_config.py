"""The configuration files of a private Dovecot."""

from typing import NamedTuple, Optional

from .certificates import Certificate


class TLS(NamedTuple):
    """What a server does on its TLS port and after STLS."""

    certificate: Certificate
    # The file of the authority by which a client's certificate must be signed; None asks for none.
    client_ca_file: Optional[str] = None
    # Without gaps, the lowest first.
    versions: tuple = ("TLSv1.2", "TLSv1.3")


PLAIN_2_3 = """\
base_dir = {directory}/run
state_dir = {directory}/run
log_path = {directory}/dovecot.log
instance_name = poplib_c-tests
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
first_valid_gid = 1
service anvil {{
  chroot =
  # No such socket, no growing delay after a failed login.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}

protocols = pop3
service pop3-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener pop3 {{
    address = {addresses}
    port = {port}
  }}
  inet_listener pop3s {{
    address = {addresses}
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3 {{
  service_count = 100
  process_limit = 200
}}

mail_location = maildir:{directory}/mail/%u
mail_fsync = never
mail_max_userip_connections = 100
pop3_no_flag_updates = yes
pop3_uidl_format = %08Xu%08Xv
namespace inbox {{
  inbox = yes
}}

auth_mechanisms = plain login apop
disable_plaintext_auth = no
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {directory}/users/%u
  override_fields = nodelay=y
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {directory}/users/%u
  default_fields = uid={user} gid={group} home={directory}/home/%u
}}
"""

TLS_2_3 = """\
ssl = yes
ssl_cert = <{certificate.file}
ssl_key = <{certificate.key_file}
ssl_min_protocol = {lowest}
# Dovecot has no setting for the highest version.
import_environment = $import_environment OPENSSL_CONF={directory}/openssl.cnf
"""

CLIENT_CERTIFICATES_2_3 = """\
ssl_ca = <{client_ca_file}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
"""

NO_TLS = """\
ssl = no
"""

OPENSSL = """\
openssl_conf = settings
[settings]
ssl_conf = ssl
[ssl]
system_default = versions
[versions]
MaxProtocol = {highest}
"""


def write(directory, tls, **values):
    """Write dovecot.conf and what it refers to into directory; return its path.

    values are those of PLAIN_2_3.
    """
    values["directory"] = directory
    parts = [PLAIN_2_3]
    if tls is None:
        parts.append(NO_TLS)
    else:
        values.update(tls._asdict(), lowest=tls.versions[0], highest=tls.versions[-1])
        parts.append(TLS_2_3)
        if tls.client_ca_file is not None:
            parts.append(CLIENT_CERTIFICATES_2_3)
        (directory / "openssl.cnf").write_text(OPENSSL.format_map(values), encoding="ascii")
    path = directory / "dovecot.conf"
    path.write_text("".join(parts).format_map(values), encoding="ascii")
    return path
