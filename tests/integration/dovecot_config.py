"""The configuration files of a private Dovecot."""

import re
from typing import NamedTuple, Optional

from certificates import Certificate


class TLS(NamedTuple):
    """What a server does on its TLS port and after STLS."""

    certificate: Certificate
    # The file of the authority by which a client's certificate must be signed; None asks for none.
    client_ca_file: Optional[str] = None
    # Without gaps, the lowest first.
    versions: tuple = ("TLSv1.2", "TLSv1.3")


class Syntax(NamedTuple):
    """The parts of dovecot.conf that are written in another way in another version."""

    plain: str
    tls: str
    client_certificates: str


COMMON = """\
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
service pop3 {{
  process_limit = 200
}}
mail_fsync = never
mail_max_userip_connections = 100
pop3_no_flag_updates = yes
namespace inbox {{
  inbox = yes
}}
auth_mechanisms = plain login apop
auth_failure_delay = 0
"""

SYNTAX_2_3 = Syntax(
    plain="""
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
}}
mail_location = maildir:{directory}/mail/%u
disable_plaintext_auth = no
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
""",
    tls="""
ssl = yes
ssl_cert = <{certificate.file}
ssl_key = <{certificate.key_file}
ssl_min_protocol = {lowest}
import_environment = $import_environment OPENSSL_CONF={directory}/openssl.cnf
""",
    client_certificates="""
ssl_ca = <{client_ca_file}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
""",
)

SYNTAX_2_4 = Syntax(
    plain="""
service pop3-login {{
  chroot =
  restart_request_count = unlimited
  process_min_avail = 1
  inet_listener pop3 {{
    listen = {addresses}
    port = {port}
  }}
  inet_listener pop3s {{
    listen = {addresses}
    port = {tls_port}
    ssl = yes
  }}
}}
service pop3 {{
  restart_request_count = 100
}}
mail_driver = maildir
mail_path = {directory}/mail/%{{user}}
auth_allow_cleartext = yes
passdb passwd-file {{
  auth_username_format = %{{user}}
  passwd_file_path = {directory}/users/%{{user}}
  default_password_scheme = PLAIN
  fields {{
    nodelay = yes
  }}
}}
userdb passwd-file {{
  auth_username_format = %{{user}}
  passwd_file_path = {directory}/users/%{{user}}
  fields {{
    uid:default = {user}
    gid:default = {group}
    home:default = {directory}/home/%{{user}}
  }}
}}
""",
    tls="""
ssl = yes
ssl_server_cert_file = {certificate.file}
ssl_server_key_file = {certificate.key_file}
ssl_min_protocol = {lowest}
import_environment {{
  OPENSSL_CONF = {directory}/openssl.cnf
}}
""",
    client_certificates="""
ssl_server_ca_file = {client_ca_file}
ssl_server_require_crl = no
ssl_server_request_client_cert = yes
auth_ssl_require_client_cert = yes
""",
)

# Must come first, and 2.3 knows neither.
VERSION_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""

NO_TLS = """
ssl = no
"""

# Dovecot has no setting for the highest version.
OPENSSL = """\
openssl_conf = settings
[settings]
ssl_conf = ssl
[ssl]
system_default = versions
[versions]
MaxProtocol = {highest}
"""


def write(directory, version, tls, **values):
    """Write dovecot.conf and what it refers to into directory; return its path.

    version is Dovecot's; values are what COMMON and Syntax.plain name.
    """
    values["directory"] = directory
    if _numbers(version) < (2, 4):
        syntax, parts = SYNTAX_2_3, [COMMON]
    else:
        syntax, parts = SYNTAX_2_4, [VERSION_2_4, COMMON]
    parts.append(syntax.plain)
    if tls is None:
        parts.append(NO_TLS)
    else:
        values.update(tls._asdict(), lowest=tls.versions[0], highest=tls.versions[-1])
        parts.append(syntax.tls)
        if tls.client_ca_file is not None:
            parts.append(syntax.client_certificates)
        (directory / "openssl.cnf").write_text(OPENSSL.format_map(values), encoding="ascii")
    path = directory / "dovecot.conf"
    path.write_text("".join(parts).format_map(values), encoding="ascii")
    return path


def _numbers(version):
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
