/* Makes and sends the commands of a queue of requests, ahead of the replies to
   others.  Needs the command lock.

   Calls announce, pipeline, the client, the Reader and base. */

#ifndef BINDING_PIPELINE_ASK_H
#define BINDING_PIPELINE_ASK_H

#include "binding/client/pop3.h"
#include "binding/reader/requests.h"

/* How many octets of commands may be under way if receiving and sending wait
   for each other: any server can take these. */
#define PIPELINING_HALF_DUPLEX_OCTETS ((size_t)1024)

/* Return the command line (str) of a request, and the form of its reply. */
PyObject *pipeline_ask_line(const struct requests *requests,
                            const struct request *request);
enum pop_reply_form pipeline_ask_form(const struct requests *requests,
                                      const struct request *request);

/* Returns whether the next request, which exists, may be sent now.  After an
   uncertain end (see core/proto/reply.h) requests are sent one by one. */
bool pipeline_ask_has_room(const struct requests *requests,
                           const ReaderObject *reader);

/* Returns whether the pending exception concerns one message only: a refusal,
   a reply that is too large, an argument that can't be sent. */
bool pipeline_ask_is_about_number(POP3Object *client);

/* Queues the command of the next request, which exists.  Announces it, unless
   the requests are silent; `plain` is the result of announce_is_plain().
   Returns -1 and an exception if it was not queued and is still the next one.
   With keeps_errors, an exception that concerns its message becomes its
   answer. */
int pipeline_ask_next(POP3Object *client, ReaderObject *reader,
                      struct requests *requests, bool plain);

/* Queues the next request, and others while there is room; sends what it can
   without waiting.  Returns -1 and an exception. */
int pipeline_ask(POP3Object *client, ReaderObject *reader,
                 struct requests *requests);

#endif
