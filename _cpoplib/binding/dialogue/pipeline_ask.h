/* How the commands of a queue of requests are made and sent, ahead of the
   replies to others.  The connection lock is held, and no command is in its
   midst. */

#ifndef BINDING_PIPELINE_ASK_H
#define BINDING_PIPELINE_ASK_H

#include "binding/client/pop3.h"
#include "binding/reader/requests.h"

/* Octets of commands that may be on their way where receiving and sending
   wait for one another: any server takes as many. */
#define PIPELINING_HALF_DUPLEX_OCTETS ((size_t)1024)

/* The command line (str) of a request, and what lines its reply has. */
PyObject *pipeline_ask_line(const struct requests *requests,
                            const struct request *request);
enum pop_reply_form pipeline_ask_form(const struct requests *requests,
                                      const struct request *request);

/* Whether the next request may be sent now.  One by one, once an uncertain
   end was taken for one (see core/proto/reply.h). */
bool pipeline_ask_has_room(const struct requests *requests,
                           const ReaderObject *reader);

/* Whether the pending exception is about one number, and others can follow:
   the server's refusal, a reply that is too large, an argument that can't be
   sent. */
bool pipeline_ask_is_about_number(POP3Object *client);

/* Queues the command of the next request, which there is: announced as
   _putcmd() does, unless the requests are silent.  `plain`: what
   announce_is_plain() said.  0, or -1 and an exception: it was not queued, and
   is the next one still; with keeps_errors, the exception may have become its
   answer instead. */
int pipeline_ask_next(POP3Object *client, ReaderObject *reader,
                      struct requests *requests, bool plain);

/* The next request, and as many behind it as there is room for; then sends
   what is queued, as far as it goes without waiting.  0, or -1. */
int pipeline_ask(POP3Object *client, ReaderObject *reader,
                 struct requests *requests);

#endif
