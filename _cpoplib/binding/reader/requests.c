#include "binding/reader/requests.h"

#include <assert.h>

#define FIRST_CAPACITY 16

void
bulk_slots_init(struct slots *slots)
{
    slots->ring = NULL;
    slots->capacity = 0;
    slots->head = 0;
    slots->count = 0;
    slots->ready = 0;
    slots->messages = 0;
}

static struct slot *
get(const struct slots *slots, size_t index)
{
    return &slots->ring[(slots->head + index) % slots->capacity];
}

int
bulk_slots_traverse(const struct slots *slots, visitproc visit, void *arg)
{
    size_t i;

    for (i = 0; i < slots->count; i++) {
        Py_VISIT(get(slots, i)->number);
        Py_VISIT(get(slots, i)->value);
    }
    return 0;
}

size_t
bulk_slots_size(const struct slots *slots)
{
    return slots->capacity * sizeof(*slots->ring);
}

void
bulk_slots_clear(struct slots *slots)
{
    struct slots old = *slots;
    size_t i;

    bulk_slots_init(slots);
    for (i = 0; i < old.count; i++) {
        Py_DECREF(get(&old, i)->number);
        Py_XDECREF(get(&old, i)->value);
    }
    PyMem_Free(old.ring);
}

int
bulk_slots_reserve(struct slots *slots)
{
    size_t capacity = slots->capacity == 0 ? FIRST_CAPACITY
                                           : 2 * slots->capacity;
    struct slot *ring;
    size_t i;

    if (slots->count < slots->capacity) {
        return 0;
    }
    ring = PyMem_New(struct slot, capacity);
    if (ring == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (i = 0; i < slots->count; i++) {
        ring[i] = *get(slots, i);
    }
    PyMem_Free(slots->ring);
    slots->ring = ring;
    slots->capacity = capacity;
    slots->head = 0;
    return 0;
}

void
bulk_slots_add(struct slots *slots, PyObject *number, bool is_deletion)
{
    struct slot *slot;

    assert(slots->count < slots->capacity);
    slot = get(slots, slots->count);
    slot->number = Py_NewRef(number);
    slot->value = NULL;
    slot->failed = false;
    slot->is_deletion = is_deletion;
    slots->count++;
    slots->messages += !is_deletion;
}

void
bulk_slots_forget_unanswered(struct slots *slots)
{
    while (slots->count > slots->ready) {
        struct slot last = *get(slots, slots->count - 1);

        slots->count--;
        slots->messages -= !last.is_deletion;
        Py_DECREF(last.number);
        Py_XDECREF(last.value);
    }
}

static void
answer(struct slots *slots, size_t index, PyObject *value, bool failed)
{
    struct slot *slot = get(slots, index);

    assert(index < slots->count && slot->value == NULL);
    slot->value = value;
    slot->failed = failed;
    while (slots->ready < slots->count &&
           get(slots, slots->ready)->value != NULL) {
        slots->ready++;
    }
}

void
bulk_slots_answer(struct slots *slots, PyObject *value, bool failed)
{
    answer(slots, slots->ready, value, failed);
}

void
bulk_slots_answer_last(struct slots *slots, PyObject *value, bool failed)
{
    answer(slots, slots->count - 1, value, failed);
}

struct slot
bulk_slots_take(struct slots *slots)
{
    struct slot first = *get(slots, 0);

    assert(slots->ready > 0);
    slots->head = (slots->head + 1) % slots->capacity;
    slots->count--;
    slots->ready--;
    slots->messages -= !first.is_deletion;
    return first;
}

void
bulk_slots_drop(struct slots *slots)
{
    struct slot first = bulk_slots_take(slots);

    Py_DECREF(first.number);
    Py_DECREF(first.value);
}

const struct slot *
bulk_slots_first(const struct slots *slots)
{
    return get(slots, 0);
}

bool
bulk_slots_find_result(struct slots *slots)
{
    while (slots->ready > 0) {
        const struct slot *first = bulk_slots_first(slots);

        if (!first->is_deletion || first->failed) {
            return true;
        }
        bulk_slots_drop(slots);
    }
    return false;
}
