#include "binding/client/read_ahead.h"

#include <string.h>

#include "core/proto/scan.h"

/* --- what is held ------------------------------------------------------- */

int
read_ahead_traverse(const struct read_ahead *self, visitproc visit, void *arg)
{
    Py_VISIT(self->deleted);
    return requests_traverse(&self->requests, visit, arg);
}

void
read_ahead_reset(struct read_ahead *self)
{
    requests_clear(&self->requests);
    self->last = 0;
    self->messages = 0;
    Py_CLEAR(self->deleted);
}

long long
read_ahead_first(const struct read_ahead *self)
{
    const struct request *first = self->requests.answered.first;

    if (first == NULL) {
        first = self->requests.sent.first;
    }
    return first == NULL ? 0 : PyLong_AsLongLong(first->number);
}

bool
read_ahead_holds(const struct read_ahead *self, long long number)
{
    long long first = read_ahead_first(self);

    return first > 0 && number >= first &&
           (unsigned long long)(number - first) <
               requests_count(&self->requests);
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
changes_nothing(const struct read_ahead *self, const char *line)
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
note_deletion(struct read_ahead *self, long long number)
{
    PyObject *deleted;
    PyObject *key;
    int failed;

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
    /* Comparing may run code of others, which may replace the set: see
       read_ahead_is_there(). */
    deleted = Py_NewRef(self->deleted);
    key = PyLong_FromLongLong(number);
    failed = key == NULL ? -1 : PySet_Add(deleted, key);
    Py_XDECREF(key);
    Py_DECREF(deleted);
    return failed;
}

int
read_ahead_note_line(struct read_ahead *self, PyObject *line)
{
    const char *text = PyBytes_Check(line) ? PyBytes_AS_STRING(line) : "DELE";

    if (requests_count(&self->requests) > 0 && !changes_nothing(self, text)) {
        requests_forget(&self->requests);
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
deletions(const struct read_ahead *self)
{
    return self->deleted == NULL ? 0 : PySet_GET_SIZE(self->deleted);
}

/* The messages from 1 to `last` exist, except deleted ones.  Where the server
   contradicts itself, the smallest number is certain. */
static void
note_last(struct read_ahead *self, long long last)
{
    if (last > 0 && (self->messages == 0 || last < self->messages)) {
        self->messages = last;
    }
}

void
read_ahead_note_count(struct read_ahead *self, long long count)
{
    note_last(self, count > 0 ? count + deletions(self) : 0);
}

/* More rows may be missing than were deleted: then it is not known which
   messages exist. */
void
read_ahead_note_listing(struct read_ahead *self, long long rows,
                        long long last)
{
    if (rows <= last && last - rows <= deletions(self)) {
        note_last(self, last);
    }
}

int
read_ahead_is_there(const struct read_ahead *self, long long number)
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
