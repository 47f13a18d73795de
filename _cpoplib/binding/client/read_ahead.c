#include "binding/client/read_ahead.h"

#include <string.h>

#include "binding/dialogue/pipeline.h"
#include "core/proto/scan.h"

/* --- life --------------------------------------------------------------- */

static void
read_ahead_answer(struct pipeline_owner *owner, PyObject *value, bool failed)
{
    struct readahead *self = (struct readahead *)owner;

    if (self->dropped > 0) {
        self->dropped--;
        Py_DECREF(value);
        return;
    }
    bulk_slots_answer(&self->slots, value, failed);
}

struct readahead *
read_ahead_new(void)
{
    struct readahead *self = PyMem_Calloc(1, sizeof(*self));

    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    self->owner.answer = read_ahead_answer;
    bulk_slots_init(&self->slots);
    self->form = POP_LINES;
    return self;
}

void
read_ahead_clear(struct readahead *self)
{
    ReaderObject *reader = self->reader;

    self->reader = NULL;
    if (reader != NULL) {
        pipeline_disown(reader, &self->owner);
    }
    self->dropped = 0;
    bulk_slots_clear(&self->slots);
    Py_XDECREF(reader);
}

void
read_ahead_free(struct readahead *self)
{
    if (self != NULL) {
        read_ahead_clear(self);
        Py_CLEAR(self->deleted);
        PyMem_Free(self);
    }
}

int
read_ahead_traverse(const struct readahead *self, visitproc visit, void *arg)
{
    Py_VISIT(self->reader);
    Py_VISIT(self->deleted);
    return bulk_slots_traverse(&self->slots, visit, arg);
}

void
read_ahead_reset(POP3Object *client)
{
    struct readahead *self = client->readahead;

    read_ahead_clear(self);
    self->last = 0;
    self->messages = 0;
    Py_CLEAR(self->deleted);
}

/* --- what is held ------------------------------------------------------- */

void
read_ahead_forget(struct readahead *self)
{
    self->dropped += self->slots.count - self->slots.ready;
    bulk_slots_clear(&self->slots);
}

void
read_ahead_drop(POP3Object *client)
{
    read_ahead_forget(client->readahead);
}

long long
read_ahead_first(const struct readahead *self)
{
    return self->slots.count == 0
               ? 0
               : PyLong_AsLongLong(bulk_slots_first(&self->slots)->number);
}

bool
read_ahead_holds(const struct readahead *self, long long number)
{
    long long first = read_ahead_first(self);

    return first > 0 && number >= first &&
           (unsigned long long)(number - first) < self->slots.count;
}

/* --- what is noted ------------------------------------------------------ */

static bool
begins_with(const char *line, const char *verb)
{
    return pop_scan_begins_with(line, strlen(line), verb);
}

/* The number behind the verb, which is followed by one blank; -1. */
static long long
number_in(const char *line)
{
    const char *number = strchr(line, ' ');
    size_t digits;

    return number == NULL
               ? -1
               : pop_scan_number(number + 1, strlen(number + 1), &digits);
}

/* Whether the replies to RETR are the same after this line as before. */
static bool
changes_nothing(const struct readahead *self, const char *line)
{
    static const char *const verbs[] = {"RETR ", "TOP ", "LIST", "UIDL",
                                        "STAT",  "NOOP", "CAPA"};
    size_t i;

    for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (begins_with(line, verbs[i])) {
            return true;
        }
    }
    return begins_with(line, "DELE ") && number_in(line) > 0 &&
           !read_ahead_holds(self, number_in(line));
}

/* The message counts as deleted, even if the server will refuse that.  A
   number that can't be read may be any message's: then none is known. */
static int
note_deletion(struct readahead *self, long long number)
{
    PyObject *key;
    int failed = -1;

    if (number <= 0) {
        self->messages = 0;
        return 0;
    }
    if (self->deleted == NULL) {
        self->deleted = PySet_New(NULL);
        if (self->deleted == NULL) {
            return -1;
        }
    }
    key = PyLong_FromLongLong(number);
    if (key != NULL) {
        failed = PySet_Add(self->deleted, key);
        Py_DECREF(key);
    }
    return failed;
}

int
read_ahead_note_line(POP3Object *client, PyObject *line)
{
    struct readahead *self = client->readahead;
    const char *text = PyBytes_Check(line) ? PyBytes_AS_STRING(line) : "DELE";

    if (self->slots.count > 0 && !changes_nothing(self, text)) {
        read_ahead_forget(self);
    }
    if (begins_with(text, "DELE")) {
        return note_deletion(self, number_in(text));
    }
    if (begins_with(text, "RSET")) {
        Py_CLEAR(self->deleted);
    }
    return 0;
}

/* Deleted messages are neither counted nor listed, but the others keep their
   numbers. */
static Py_ssize_t
deletions(const struct readahead *self)
{
    return self->deleted == NULL ? 0 : PySet_GET_SIZE(self->deleted);
}

/* The messages from 1 to `last` exist, except deleted ones.  Where the server
   contradicts itself, the smallest number is certain. */
static void
note_last(struct readahead *self, long long last)
{
    if (last > 0 && (self->messages == 0 || last < self->messages)) {
        self->messages = last;
    }
}

void
read_ahead_note_count(POP3Object *client, long long count)
{
    struct readahead *self = client->readahead;

    note_last(self, count > 0 ? count + deletions(self) : 0);
}

/* More rows may be missing than were deleted: then it is not known which
   messages exist. */
void
read_ahead_note_listing(POP3Object *client, long long rows, long long last)
{
    struct readahead *self = client->readahead;

    if (rows <= last && last - rows <= deletions(self)) {
        note_last(self, last);
    }
}

int
read_ahead_is_there(const struct readahead *self, long long number)
{
    PyObject *deleted;
    PyObject *key;
    int found;

    if (number > self->messages || number > POP_NUMBER_MOST) {
        return 0;
    }
    if (self->deleted == NULL) {
        return 1;
    }
    /* The garbage collector shows the set to anybody, who may add what runs
       code when it is compared. */
    deleted = Py_NewRef(self->deleted);
    key = PyLong_FromLongLong(number);
    found = key == NULL ? -1 : PySet_Contains(deleted, key);
    Py_XDECREF(key);
    Py_DECREF(deleted);
    return found < 0 ? -1 : !found;
}

/* --- the end ------------------------------------------------------------- */

int
read_ahead_quit(POP3Object *client)
{
    struct readahead *self = client->readahead;

    if (self->reader == NULL) {
        return 0;
    }
    if (pop3_lock(client) < 0) {
        return -1;
    }
    read_ahead_clear(self);
    pop3_unlock(client);
    return 0;
}
