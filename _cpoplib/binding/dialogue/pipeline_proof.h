/* The proof that a server answers commands in their order: it has to tell the
   sizes of several messages.  Takes no client and does no I/O: the caller
   sends the requests of a proof, ahead of one another.

   Calls held, requests and base. */

#ifndef BINDING_PIPELINE_PROOF_H
#define BINDING_PIPELINE_PROOF_H

#include "binding/reader/requests.h"

/* Adds a request for the message to the proof, an empty queue at first.
   Steals the number.  Returns -1 and an exception; that of the caller, if the
   number is NULL. */
int pipeline_proof_add(struct requests *proof, PyObject *number);

/* Adds a request for each message of requests->unsent whose number is
   certain.  One request proves nothing.  Returns -1 and an exception. */
int pipeline_proof_collect(struct requests *proof,
                           const struct requests *requests);

/* Returns whether proof->answered proves that the server keeps the order.
   Refusals prove nothing; a message that does not exist is refused.  If
   *suspect, a borrowed number, is not NULL afterwards, the server may have
   refused it because of too many commands at once: then the proof only holds
   if a proof of this number alone is refused, too. */
bool pipeline_proof_holds(const struct requests *proof, PyObject **suspect);

/* Returns whether a proof of one number was refused. */
bool pipeline_proof_is_refused(const struct requests *proof);

#endif
