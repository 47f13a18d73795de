/* What a client costs that makes no objects.

   receiver receive|split PORT plain|tls USER TEMPLATE MULTILINE CALLS

   Sends TEMPLATE, whose %zu is the number of the message, CALLS times, each
   after the reply to the one before; MULTILINE is 1 if the replies have
   several lines.  `receive` looks only at the last octets of what has come,
   `split` finds every line.  Prints microseconds of processor and of time, and
   how many octets `split` found in lines. */

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "channel.h"

#define ROOM ((size_t)256 * 1024)
#define COMMAND_ROOM 128

struct client {
    struct channel channel;
    bool split;
    size_t length; /* of what is unread in `in` */
    bool begun;    /* the status line was seen */
    size_t octets; /* of the other lines so far, without second dots */
    char in[ROOM];
};

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
receive(struct client *client)
{
    struct channel *channel = &client->channel;
    char *space = client->in + client->length;
    size_t room = ROOM - client->length;
    size_t received;

    if (channel->ssl == NULL) {
        ssize_t n = recv(channel->fd, space, room, 0);

        received = n > 0 ? (size_t)n : 0;
    }
    else if (SSL_read_ex(channel->ssl, space, room, &received) <= 0) {
        received = 0;
    }
    if (received == 0) {
        die("receive");
    }
    client->length += received;
}

static void
transmit(struct client *client, const char *command)
{
    if (channel_send(&client->channel, command, strlen(command)) !=
        CHANNEL_OK) {
        die("send");
    }
}

/* --- only receiving ------------------------------------------------------ */

static void
receive_until(struct client *client, const char *end)
{
    size_t length = strlen(end);

    client->length = 0;
    for (;;) {
        receive(client);
        if (client->length >= length &&
            memcmp(client->in + client->length - length, end, length) == 0) {
            return;
        }
        if (client->length > ROOM / 2) {
            memmove(client->in, client->in + client->length - length, length);
            client->length = length;
        }
    }
}

/* --- lines --------------------------------------------------------------- */

/* Looks at the lines in [*at, length), moves *at behind them; whether the
   reply is over. */
static bool
scan(struct client *client, size_t *at, bool multiline)
{
    const char *lf;

    while ((lf = memchr(client->in + *at, '\n', client->length - *at)) !=
           NULL) {
        const char *line = client->in + *at;
        size_t length = (size_t)(lf - line) - 1;

        *at += length + 2;
        if (!multiline || (length == 1 && line[0] == '.')) {
            return true;
        }
        if (client->begun) {
            client->octets += length + 2;
            client->octets -= length > 1 && memcmp(line, "..", 2) == 0;
        }
        client->begun = true;
    }
    return false;
}

static void
receive_lines(struct client *client, bool multiline)
{
    bool done = false;

    client->begun = false;
    client->length = 0;
    while (!done) {
        size_t at = 0;

        receive(client);
        done = scan(client, &at, multiline);
        client->length -= at;
        memmove(client->in, client->in + at, client->length);
    }
}

/* --- the session --------------------------------------------------------- */

static void
exchange(struct client *client, const char *command, bool multiline)
{
    transmit(client, command);
    if (client->split) {
        receive_lines(client, multiline);
    }
    else {
        receive_until(client, multiline ? "\r\n.\r\n" : "\r\n");
    }
}

static void
connect_to(struct client *client, const char *port, bool is_tls)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
    };
    struct channel *channel = &client->channel;

    channel->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (channel->fd < 0 || connect(channel->fd, (struct sockaddr *)&address,
                                   sizeof(address)) < 0) {
        die("connect");
    }
    if (is_tls) {
        SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

        channel->ssl = tls == NULL ? NULL : SSL_new(tls);
        if (channel->ssl == NULL ||
            SSL_set_fd(channel->ssl, channel->fd) != 1) {
            die("SSL_new");
        }
        SSL_set_connect_state(channel->ssl);
        if (channel_handshake(channel) != CHANNEL_OK) {
            die("handshake");
        }
    }
}

static void
format_command(char *command, const char *template, size_t number)
{
    const char *place = strstr(template, "%zu");

    if (place == NULL) {
        snprintf(command, COMMAND_ROOM, "%s\r\n", template);
    }
    else {
        snprintf(command, COMMAND_ROOM, "%.*s%zu%s\r\n",
                 (int)(place - template), template, number, place + 3);
    }
}

static double
processor(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
    struct client *client = calloc(1, sizeof(*client));
    char command[COMMAND_ROOM];
    size_t calls, number;
    int64_t begin;
    double used;

    if (argc != 8 || client == NULL) {
        return 2;
    }
    connect_to(client, argv[2], strcmp(argv[3], "tls") == 0);
    receive_until(client, "\r\n");
    snprintf(command, sizeof(command), "USER %s\r\n", argv[4]);
    exchange(client, command, false);
    exchange(client, "PASS x\r\n", false);
    client->split = strcmp(argv[1], "split") == 0;
    calls = strtoul(argv[7], NULL, 10);
    begin = channel_now();
    used = processor();
    for (number = 1; number <= calls; number++) {
        format_command(command, argv[5], number);
        exchange(client, command, argv[6][0] == '1');
    }
    printf("%.1f %.1f %zu\n", processor() - used,
           (double)(channel_now() - begin) / 1e3, client->octets);
    return 0;
}
