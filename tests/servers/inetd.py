"""usage: inetd.py PORT PROGRAM: runs PROGRAM for each connection to 127.0.0.1:PORT, as inetd."""

import socket
import subprocess
import sys

if __name__ == "__main__":
    _, port, *program = sys.argv
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                subprocess.Popen(program, stdin=connection, stdout=connection)
