"""The configuration files of a private Dovecot."""

import base64
import re
from typing import NamedTuple, Optional

from certificates import Certificate

#: Of TLS.
VERSIONS = ("TLSv1.2", "TLSv1.3")


class TLS(NamedTuple):
    """What a server does on its TLS port and after STLS."""

    certificate: Certificate
    # The file of the authority by which a client's certificate must be signed; None asks for none.
    client_ca_file: Optional[str] = None
    # The user is whom that certificate is for, its common name, and EXTERNAL needs no more.
    names_user: bool = False
    # Without TLS no password is taken, unless client and server have one address.
    for_passwords: bool = False
    versions: tuple = VERSIONS


#: What Dovecot's AUTH knows, here, in every version.
MECHANISMS = (
    *("PLAIN", "LOGIN", "APOP", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"),
    *("OAUTHBEARER", "XOAUTH2", "EXTERNAL", "ANONYMOUS"),
)

#: With this key tokens are signed (HMAC with SHA-256).
TOKEN_KEY = b"poplib_c tests"

#: Whose mail ANONYMOUS opens.
ANONYMOUS = "anonymous"


class Syntax(NamedTuple):
    """What another version has in another way."""

    #: These are bound to a session of TLS, without which they are not offered.
    bound_mechanisms: tuple
    # The parts of dovecot.conf.
    first: str
    plain: str
    tls: str
    client_certificates: str
    external: str
    for_passwords: str


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
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
"""

SYNTAX_2_3 = Syntax(
    bound_mechanisms=(),
    first="",
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
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {directory}/oauth2.conf
  override_fields = nodelay=y
}}
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
ssl_min_protocol = TLSv1.2
import_environment = $import_environment OPENSSL_CONF={directory}/openssl.cnf
""",
    client_certificates="""
ssl_ca = <{client_ca_file}
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
""",
    external="""
auth_ssl_username_from_cert = yes
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
""",
    for_passwords="""
disable_plaintext_auth = yes
""",
)

# Where a passdb wants no delay, the auth process of 2.3.13 crashes (signal 11) once it has refused
# an APOP, and that of 2.3.19 does not. There is a new one five seconds later; pop3-login then ends
# the connection at a second APOP, or refuses a PASS that is right.
SYNTAX_2_3_13 = SYNTAX_2_3._replace(
    plain=SYNTAX_2_3.plain.replace("  override_fields = nodelay=y\n", "")
)

SYNTAX_2_4 = Syntax(
    bound_mechanisms=("SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"),
    first="""\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
""",
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
oauth2_introspection_mode = local
oauth2_username_attribute = sub
oauth2_local_validation {{
  dict fs {{
    fs posix {{
      prefix = {directory}/keys/
    }}
  }}
}}
passdb oauth2 {{
  mechanisms_filter = oauthbearer xoauth2
  fields {{
    nodelay = yes
  }}
}}
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
ssl_min_protocol = TLSv1.2
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
    external="""
auth_ssl_username_from_cert = yes
passdb static {{
  mechanisms_filter = external
  fields {{
    nopassword = yes
  }}
}}
""",
    for_passwords="""
auth_allow_cleartext = no
""",
)

# Only 2.3 reads it.
OAUTH2 = """\
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={directory}/keys/
username_attribute = sub
"""

NO_TLS = """
ssl = no
"""

# Dovecot has no setting for the highest version, and 2.3.13 does not know TLS 1.3 as the lowest.
OPENSSL = """\
openssl_conf = settings
[settings]
ssl_conf = ssl
[ssl]
system_default = versions
[versions]
Protocol = {protocols}
"""


def syntax_of(version):
    """The Syntax of that version of Dovecot."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < (2, 3, 19):
        return SYNTAX_2_3_13
    return SYNTAX_2_3 if numbers < (2, 4) else SYNTAX_2_4


def write(directory, syntax, tls, **values):
    """Write dovecot.conf and what it refers to into directory; return its path.

    values are what COMMON and Syntax.plain name.
    """
    mechanisms = MECHANISMS + syntax.bound_mechanisms
    values.update(directory=directory, mechanisms=" ".join(mechanisms).lower())
    parts = [syntax.first, COMMON, syntax.plain]
    if tls is None:
        parts.append(NO_TLS)
    else:
        without = (f"-{version}" for version in VERSIONS if version not in tls.versions)
        values.update(tls._asdict(), protocols=",".join(["ALL", *without]))
        parts.append(syntax.tls)
        if tls.client_ca_file is not None:
            parts.append(syntax.client_certificates)
        if tls.for_passwords:
            parts.append(syntax.for_passwords)
        if tls.names_user:
            parts.append(syntax.external)
        (directory / "openssl.cnf").write_text(OPENSSL.format_map(values), encoding="ascii")
    (directory / "oauth2.conf").write_text(OAUTH2.format_map(values), encoding="ascii")
    # Behind the prefix: the token's azp, its alg and its kid; by default they are these.
    key = directory / "keys" / "default" / "HS256" / "default"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_bytes(base64.b64encode(TOKEN_KEY))
    path = directory / "dovecot.conf"
    path.write_text("".join(parts).format_map(values), encoding="ascii")
    return path
