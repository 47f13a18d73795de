/* The load server of the benchmark, on 127.0.0.1.

   server [-p] [-d MILLISECONDS] [-s MICROSECONDS] [CERTIFICATE KEY]

   -p  sends replies in pieces, without TCP_NODELAY, as some servers do
   -d  each command is answered that much later, as by a server far away
   -s  polls that long without sleeping before it waits for a client

   It prints the ports, in plain text and, with a certificate, with TLS, and
   ends when its standard input does. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "mailbox.h"
#include "session.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)
#define BACKLOG 128

struct server {
    struct mailboxes mailboxes;
    SSL_CTX *tls;
    bool in_pieces;
    int64_t delay;
    int64_t spin;
};

struct client {
    struct server *server;
    struct channel channel;
};

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static int
listen_on_loopback(const char *name)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
        listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        die("listen");
    }
    printf("%s %d\n", name, ntohs(address.sin_port));
    return fd;
}

static SSL_CTX *
load_tls(const char *certificate, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (tls == NULL ||
        SSL_CTX_use_certificate_chain_file(tls, certificate) <= 0 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) <= 0) {
        fprintf(stderr, "cannot use %s and %s\n", certificate, key);
        exit(1);
    }
    SSL_CTX_set_mode(tls, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_ENABLE_PARTIAL_WRITE);
    return tls;
}

static void *
serve(void *argument)
{
    struct client *client = argument;
    struct channel *channel = &client->channel;
    struct server *server = client->server;

    if (channel->ssl == NULL || channel_handshake(channel) == CHANNEL_OK) {
        session_serve(channel, &server->mailboxes, server->delay,
                      server->in_pieces);
        if (channel->ssl != NULL) {
            SSL_shutdown(channel->ssl);
        }
    }
    SSL_free(channel->ssl);
    close(channel->fd);
    free(client);
    return NULL;
}

static SSL *
new_session(SSL_CTX *tls, int fd)
{
    SSL *ssl = SSL_new(tls);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        die("SSL_new");
    }
    SSL_set_accept_state(ssl);
    return ssl;
}

static void
welcome(struct server *server, int listener, bool is_tls)
{
    struct client *client;
    pthread_t thread;
    int at_once = !server->in_pieces;
    int fd = accept(listener, NULL, NULL);

    if (fd < 0) {
        return;
    }
    client = calloc(1, sizeof(*client));
    if (client == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof(at_once)) <
            0) {
        die("accept");
    }
    client->server = server;
    client->channel.fd = fd;
    client->channel.spin = server->spin;
    client->channel.ssl = is_tls ? new_session(server->tls, fd) : NULL;
    if (pthread_create(&thread, NULL, serve, client) != 0) {
        die("pthread_create");
    }
    pthread_detach(thread);
}

static void
run(struct server *server)
{
    struct pollfd sources[3] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = listen_on_loopback("plain"), .events = POLLIN},
        {.fd = -1, .events = POLLIN},
    };

    if (server->tls != NULL) {
        sources[2].fd = listen_on_loopback("tls");
    }
    fclose(stdout);
    while (sources[0].revents == 0) {
        if (poll(sources, 3, -1) < 0) {
            die("poll");
        }
        if (sources[1].revents != 0) {
            welcome(server, sources[1].fd, false);
        }
        if (sources[2].revents != 0) {
            welcome(server, sources[2].fd, true);
        }
    }
}

int
main(int argc, char **argv)
{
    struct server server = {.tls = NULL};
    int option;

    while ((option = getopt(argc, argv, "pd:s:")) != -1) {
        switch (option) {
        case 'p':
            server.in_pieces = true;
            break;
        case 'd':
            server.delay = strtol(optarg, NULL, 10) * NS_PER_MS;
            break;
        case 's':
            server.spin = strtol(optarg, NULL, 10) * NS_PER_US;
            break;
        default:
            return 2;
        }
    }
    mailboxes_init(&server.mailboxes);
    if (argc - optind == 2) {
        server.tls = load_tls(argv[optind], argv[optind + 1]);
    }
    signal(SIGPIPE, SIG_IGN);
    run(&server);
    return 0;
}
