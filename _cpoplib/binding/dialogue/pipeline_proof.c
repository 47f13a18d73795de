#include "binding/dialogue/pipeline_proof.h"

#include "binding/base/format_command.h"
#include "binding/reader/held.h"

int
pipeline_proof_add(struct requests *proof, PyObject *number)
{
    proof->verb = POP_VERB_LIST;
    proof->form = POP_NO_LINES;
    return requests_add(proof, number);
}

/* Adds a request for the number, unless there is one: an answer that came
   twice must not pass the test. */
static int
add_distinct(struct requests *proof, PyObject *seen, long long number)
{
    Py_ssize_t before = PySet_GET_SIZE(seen);
    PyObject *key = PyLong_FromLongLong(number);

    if (key == NULL || PySet_Add(seen, key) < 0) {
        Py_XDECREF(key);
        return -1;
    }
    if (PySet_GET_SIZE(seen) > before) {
        return pipeline_proof_add(proof, key);
    }
    Py_DECREF(key);
    return 0;
}

int
pipeline_proof_collect(struct requests *proof, const struct requests *requests)
{
    PyObject *seen = PySet_New(NULL);
    /* Making the set may collect garbage, whose __del__ may use the client. */
    const struct request *request = requests->unsent.first;
    int failed = seen == NULL ? -1 : 0;

    for (; failed == 0 && request != NULL; request = request->next) {
        long long number = format_command_number(request->number);

        if (number > 0 && !request->is_deletion) {
            failed = add_distinct(proof, seen, number);
        }
    }
    Py_XDECREF(seen);
    return failed;
}

bool
pipeline_proof_holds(const struct requests *proof, PyObject **suspect)
{
    const struct request *request = proof->answered.first;
    PyObject *first = NULL; /* refused after the last that was not */
    PyObject *last = NULL;  /* refused last */
    bool is_right = false;

    *suspect = NULL;
    for (; request != NULL; request = request->next) {
        const char *rest;

        if (request->failed) {
            first = first != NULL ? first : request->number;
            last = request->number;
        }
        else if (held_listed_number(request->value, &rest) ==
                 format_command_number(request->number)) {
            is_right = true;
            first = NULL;
        }
        else {
            return false;
        }
    }
    *suspect = first != NULL ? first : last;
    return is_right;
}

bool
pipeline_proof_is_refused(const struct requests *proof)
{
    const struct request *first = proof->answered.first;

    return first != NULL && first->failed;
}
