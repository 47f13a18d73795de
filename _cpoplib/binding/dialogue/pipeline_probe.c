#include "binding/dialogue/pipeline_probe.h"

#include <assert.h>
#include <string.h>

#include "binding/dialogue/pipeline.h"
#include "binding/dialogue/pipeline_ask.h"
#include "binding/dialogue/pipeline_proof.h"
#include "binding/base/errors.h"
#include "binding/client/overrides.h"
#include "binding/dialogue/announce.h"
#include "binding/reader/stream.h"
#include "core/proto/scan.h"

/* --- can it be done on our side? ---------------------------------------- */

/* Returns whether no method on the way is overridden: 1, 0 or -1. */
static int
are_own(POP3Object *self, bool plain)
{
    hook_set others = HOOK_SET(HOOK_SHORTCMD) | HOOK_SET(HOOK_LONGCMD) |
                      REPLIES_HOOKS;

    return overrides_are_own(self, COMMAND_HOOKS | (plain ? 0 : others));
}

/* Returns whether .sock is the Reader's socket: 1, 0 or -1. */
static int
is_own_socket(POP3Object *self, const ReaderObject *reader)
{
    PyObject *sock;
    int is;

    if (PyObject_GetOptionalAttr((PyObject *)self, self->state->name.sock,
                                 &sock) < 0) {
        return -1;
    }
    is = sock == reader->sock;
    Py_XDECREF(sock);
    return is;
}

/* --- what the server says ----------------------------------------------- */

/* 'PIPELINING' in self.capa() */
static int
is_announced(POP3Object *self, const ReaderObject *reader)
{
    PyObject *capabilities;
    PyObject *name;
    int announced = -1;

    capabilities = PyObject_CallMethodNoArgs((PyObject *)self,
                                             self->state->name.capa);
    if (capabilities == NULL) {
        /* Without CAPA there are no capabilities. */
        return progress_is_in_step(&reader->progress)
                   ? errors_clear(self->state->error_proto)
                   : -1;
    }
    name = PyUnicode_FromString("PIPELINING");
    if (name != NULL) {
        announced = PySequence_Contains(capabilities, name);
        Py_DECREF(name);
    }
    Py_DECREF(capabilities);
    return announced;
}

/* --- what the server does ----------------------------------------------- */

static int
run(struct requests *proof, POP3Object *client, ReaderObject *reader)
{
    int failed;

    proof->reader = (ReaderObject *)Py_NewRef((PyObject *)reader);
    /* Commands of others would take the room that the test needs. */
    failed = pipeline_receive_all(client, reader);
    if (failed == 0) {
        failed = pipeline_ask(client, reader, proof);
    }
    if (failed == 0) {
        failed = pipeline_receive_all(client, reader);
    }
    requests_end(proof, NULL);
    return failed < 0 ? -1 : reader_require(reader, READER_AT_REST);
}

/* Returns whether a message that was refused among others is also refused
   alone: 1, 0 or -1. */
static int
is_refused_alone(POP3Object *client, ReaderObject *reader, PyObject *number)
{
    struct requests alone = {0};
    int is = -1;

    if (pipeline_proof_add(&alone, Py_NewRef(number)) == 0 &&
        run(&alone, client, reader) == 0) {
        is = pipeline_proof_is_refused(&alone);
    }
    requests_clear(&alone);
    return is;
}

/* Sends the requests of the proof.  Returns whether the server keeps the order
   of commands: 1, 0 or -1. */
static int
holds(struct requests *proof, POP3Object *client, ReaderObject *reader)
{
    PyObject *suspect;

    if (run(proof, client, reader) < 0) {
        return -1;
    }
    if (!pipeline_proof_holds(proof, &suspect)) {
        return 0;
    }
    return suspect == NULL ? 1 : is_refused_alone(client, reader, suspect);
}

static int
find_out(POP3Object *self, ReaderObject *reader, struct requests *proof)
{
    int able = 1;

    if (proof->unsent.count < 2) {
        return 0;
    }
    if (self->pipelining == PIPELINING_AUTO) {
        able = is_announced(self, reader);
    }
    if (able < 0 || progress_is_closed(&reader->progress)) {
        return able < 0 ? -1 : 0;
    }
    if (able > 0) {
        able = holds(proof, self, reader);
    }
    if (able >= 0) {
        pipeline_probe_note_ability(reader, able > 0);
    }
    return able;
}

static int
server_is_able(POP3Object *self, ReaderObject *reader,
               const struct requests *requests, bool proved)
{
    struct requests proof = {0};
    int able;

    if (self->pipelining == PIPELINING_ALWAYS && !proved) {
        return 1;
    }
    if (reader->ability != READER_UNASKED) {
        return reader->ability == READER_ABLE;
    }
    able = pipeline_proof_collect(&proof, requests) < 0
               ? -1
               : find_out(self, reader, &proof);
    requests_clear(&proof);
    return able;
}

/* --- both --------------------------------------------------------------- */

int
pipeline_probe_is_on(POP3Object *self, ReaderObject *reader,
                     const struct requests *requests, unsigned int how)
{
    int on;

    assert(lock_is_mine(&self->lock));
    /* Requests are guarded like the Reader that answers them. */
    if (self->pipelining == PIPELINING_NEVER || reader == NULL ||
        reader->guard != self->guard) {
        return 0;
    }
    on = are_own(self, (how & PIPELINING_PLAIN) != 0);
    if (on > 0) {
        on = is_own_socket(self, reader);
    }
    /* Commands sent by hand must be answered first. */
    if (on > 0 && reader->progress.ahead.count == 0 &&
        reader_require(reader, READER_AT_REST) < 0) {
        on = -1;
    }
    return on > 0 ? server_is_able(self, reader, requests,
                                   (how & PIPELINING_PROVED) != 0)
                  : on;
}

/* Returns whether the line (str) begins with the verb and a space. */
static bool
begins_with(PyObject *line, const char *verb)
{
    char text[8];
    size_t length = (size_t)PyUnicode_GET_LENGTH(line);
    size_t i;

    for (i = 0; i < sizeof(text) && i < length; i++) {
        Py_UCS4 c = PyUnicode_READ_CHAR(line, (Py_ssize_t)i);

        text[i] = c < 0x80 ? (char)c : '?';
    }
    return pop_scan_begins_with(text, i, verb);
}

void
pipeline_probe_note_ability(ReaderObject *reader, bool able)
{
    reader->ability = able ? READER_ABLE : READER_UNABLE;
}

bool
pipeline_probe_is_login(PyObject *line)
{
    return PyUnicode_Check(line) &&
           (begins_with(line, "APOP ") || begins_with(line, "AUTH ") ||
            begins_with(line, "PASS ") || begins_with(line, "RPOP "));
}
