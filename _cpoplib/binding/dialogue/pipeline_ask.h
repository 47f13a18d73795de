/* Makes and sends the commands of a queue of requests, ahead of the replies to
   others.  The caller holds the connection lock.

   Calls announce.h, pipeline.h, the client, the Reader and base. */

#ifndef BINDING_PIPELINE_ASK_H
#define BINDING_PIPELINE_ASK_H

#include "binding/client/pop3.h"
#include "binding/reader/requests.h"

/* Octets of commands that may be on their way where receiving and sending
   wait for one another: any server takes as many. */
#define PIPELINING_HALF_DUPLEX_OCTETS ((size_t)1024)

/* The command line of a request, str; and the form of its reply. */
PyObject *pipeline_ask_line(const struct requests *requests,
                            const struct request *request);
enum pop_reply_form pipeline_ask_form(const struct requests *requests,
                                      const struct request *request);

/* Whether the next request, which exists, may be sent now.  After an uncertain
   end (see core/proto/reply.h) they go one by one. */
bool pipeline_ask_has_room(const struct requests *requests,
                           const ReaderObject *reader);

/* Whether the pending exception is about one number, and others can follow:
   the server's refusal, a reply that is too large, an argument that can't be
   sent. */
bool pipeline_ask_is_about_number(POP3Object *client);

/* Queues the command of the next request, which exists.  Announces it, unless
   the requests are silent.  `plain` is what announce_is_plain() returned.  0,
   or -1 and an exception: it was not queued, and is still the next one.  With
   keeps_errors, an exception about its number becomes its answer. */
int pipeline_ask_next(POP3Object *client, ReaderObject *reader,
                      struct requests *requests, bool plain);

/* Queues the next request, and as many after it as there is room for; then
   sends what it can without waiting.  0, or -1 and an exception. */
int pipeline_ask(POP3Object *client, ReaderObject *reader,
                 struct requests *requests);

#endif
