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

/* Queues the line (bytes, stolen; NULL with an exception) of a request that
   was taken from `unsent`.  Returns -1 and an exception: pipeline_ask_fail()
   has to follow. */
int pipeline_ask_queue(ReaderObject *reader, struct requests *requests,
                       struct request *request, PyObject *line);

/* After a failure makes the pending exception the answer to the request, and
   returns 0, if it `is_answer`.  Otherwise the request is the next one again,
   and -1 is returned. */
int pipeline_ask_fail(struct requests *requests, struct request *request,
                      bool is_answer);

/* Queues the next request, and others while there is room; sends what it can
   without waiting.  Returns -1 and an exception. */
int pipeline_ask(POP3Object *client, ReaderObject *reader,
                 struct requests *requests);

#endif
