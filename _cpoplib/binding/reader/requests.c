#include "binding/reader/requests.h"

#include <assert.h>

/* --- lists -------------------------------------------------------------- */

void
requests_put(struct request_list *list, struct request *request)
{
    request->next = NULL;
    if (list->first == NULL) {
        list->first = request;
    }
    else {
        list->last->next = request;
    }
    list->last = request;
    list->count++;
}

void
requests_put_back(struct request_list *list, struct request *request)
{
    request->next = list->first;
    list->first = request;
    if (request->next == NULL) {
        list->last = request;
    }
    list->count++;
}

struct request *
requests_take(struct request_list *list)
{
    struct request *first = list->first;

    if (first != NULL) {
        list->first = first->next;
        list->count--;
    }
    return first;
}

void
requests_free(struct request *request)
{
    Py_DECREF(request->number);
    Py_XDECREF(request->value);
    PyMem_Free(request);
}

/* One by one, because freeing may run code that uses the list. */
void
requests_empty(struct request_list *list)
{
    struct request *request;

    while ((request = requests_take(list)) != NULL) {
        requests_free(request);
    }
}

/* --- answers ------------------------------------------------------------ */

int
requests_add(struct requests *self, PyObject *number)
{
    struct request *request;

    if (number == NULL) {
        return -1;
    }
    request = PyMem_Calloc(1, sizeof(*request));
    if (request == NULL) {
        Py_DECREF(number);
        PyErr_NoMemory();
        return -1;
    }
    request->number = number;
    requests_put(&self->unsent, request);
    return 0;
}

/* Moves answered requests from the front of `sent`.  A request that was not
   sent may be answered before those in front of it; it waits for them. */
static void
settle(struct requests *self)
{
    while (self->sent.first != NULL && self->sent.first->value != NULL) {
        requests_put(&self->answered, requests_take(&self->sent));
    }
}

void
requests_answer_unsent(struct requests *self, struct request *request,
                       PyObject *value, bool failed)
{
    request->value = value;
    request->failed = failed;
    requests_put(&self->sent, request);
    settle(self);
}

void
requests_answer(struct requests *self, PyObject *value, bool failed)
{
    if (self == NULL) {
        Py_DECREF(value);
    }
    else if (self->dropped > 0) {
        self->dropped--;
        Py_DECREF(value);
    }
    else {
        assert(self->sent.first != NULL);
        self->sent.first->value = value;
        self->sent.first->failed = failed;
        settle(self);
    }
}

void
requests_tell(ReaderObject *reader, PyObject *value, bool failed)
{
    struct requests *owner = pop_pipeline_pop(&reader->progress.ahead);
    struct held *held = reader->held;

    assert(guard_is_mine(reader->guard));
    if (held == NULL) {
        requests_answer(owner, value, failed);
        return;
    }
    held->answers[held->count].owner = owner;
    held->answers[held->count].value = value;
    held->answers[held->count].failed = failed;
    held->count++;
}

/* --- the end ------------------------------------------------------------ */

void
requests_disown(ReaderObject *reader, const struct requests *self)
{
    struct held *held = reader->held;
    size_t i;

    assert(guard_is_mine(reader->guard));
    pop_pipeline_disown(&reader->progress.ahead, self);
    for (i = 0; held != NULL && i < held->count; i++) {
        if (held->answers[i].owner == self) {
            held->answers[i].owner = NULL;
        }
    }
}

void
requests_end(struct requests *self, PyObject *failure)
{
    struct requests old;

    if (self->reader != NULL) {
        requests_disown(self->reader, self);
    }
    self->dropped = 0;
    if (failure != NULL) {
        requests_answer(self->sent.first == NULL ? NULL : self, failure, true);
    }
    old = *self;
    self->sent = (struct request_list){0};
    self->unsent = (struct request_list){0};
    requests_empty(&old.sent);
    requests_empty(&old.unsent);
}

void
requests_forget(struct requests *self)
{
    struct request *request;

    while ((request = requests_take(&self->sent)) != NULL) {
        self->dropped += request->value == NULL;
        requests_free(request);
    }
    requests_empty(&self->answered);
}

void
requests_clear(struct requests *self)
{
    struct requests old = *self;

    /* Releasing an answer may run a __del__ that makes new requests. */
    self->reader = NULL;
    self->answered = (struct request_list){0};
    if (old.reader != NULL) {
        requests_disown(old.reader, self);
    }
    requests_end(self, NULL);
    requests_empty(&old.answered);
    Py_XDECREF(old.reader);
}

/* --- what it holds ------------------------------------------------------ */

int
requests_traverse(const struct requests *self, visitproc visit, void *arg)
{
    const struct request_list *lists[] = {&self->answered, &self->sent,
                                          &self->unsent};
    const struct request *request;
    size_t i;

    Py_VISIT(self->reader);
    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (request = lists[i]->first; request; request = request->next) {
            Py_VISIT(request->number);
            Py_VISIT(request->value);
        }
    }
    return 0;
}

size_t
requests_size(const struct requests *self)
{
    return requests_count(self) * sizeof(struct request);
}
