"""usage: twisted_script.py DIRECTORY PASSWORD PORT TLS-PORT CERTIFICATE KEY

Serves the files of DIRECTORY/USER, one message each, by Twisted's POP3 server.
"""

import hashlib
import sys
from pathlib import Path

from twisted.cred import checkers, credentials, error, portal
from twisted.internet import defer, protocol, reactor, ssl
from twisted.mail import pop3
from zope.interface import implementer


@implementer(checkers.ICredentialsChecker)
class Checker:
    """Every user has one password, of which a hash is kept, so that it is only compared."""

    credentialInterfaces = (credentials.IUsernamePassword,)

    def __init__(self, password):
        self._hash = hashlib.sha256(password.encode()).digest()

    def requestAvatarId(self, given):
        if hashlib.sha256(given.password).digest() != self._hash:
            return defer.fail(error.UnauthorizedLogin())
        return defer.succeed(given.username)


@implementer(portal.IRealm)
class Realm:
    def __init__(self, directory):
        self._directory = directory

    def requestAvatar(self, user, mind, *interfaces):
        return pop3.IMailbox, Mailbox(self._directory / user.decode()), lambda: None


class Mailbox(pop3.Mailbox):
    def __init__(self, directory):
        self._files = sorted(directory.iterdir())
        self._deleted = set()

    def listMessages(self, index=None):
        if index is None:
            return [self.listMessages(n) for n in range(len(self._files))]
        file = self._files[index]
        return 0 if file in self._deleted else file.stat().st_size

    def getMessage(self, index):
        return self._files[index].open("rb")

    def getUidl(self, index):
        return hashlib.sha1(self._files[index].name.encode()).hexdigest().encode()

    def deleteMessage(self, index):
        self._deleted.add(self._files[index])

    def undeleteMessages(self):
        self._deleted.clear()

    def sync(self):
        for file in self._deleted:
            file.unlink()


def main(directory, password, port, tls_port, certificate, key):
    served = portal.Portal(Realm(Path(directory)), [Checker(password)])

    def session():
        server = pop3.POP3()
        server.portal = served
        return server

    factory = protocol.Factory.forProtocol(session)
    reactor.listenTCP(int(port), factory, interface="127.0.0.1")
    context = ssl.DefaultOpenSSLContextFactory(key, certificate)
    reactor.listenSSL(int(tls_port), factory, context, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
