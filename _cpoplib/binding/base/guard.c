#include "binding/base/guard.h"

#ifdef Py_GIL_DISABLED

struct guard_list *
guard_list_new(void)
{
    struct guard_list *list = PyMem_RawCalloc(1, sizeof(*list));

    if (list == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    list->users = 1;
    return list;
}

/* Unlocks the list, and frees it after the last user. */
static void
leave_list(struct guard_list *list, bool is_left)
{
    bool is_unused = is_left && --list->users == 0;

    PyMutex_Unlock(&list->mutex);
    if (is_unused) {
        PyMem_RawFree(list);
    }
}

void
guard_list_release(struct guard_list *list)
{
    PyMutex_Lock(&list->mutex);
    leave_list(list, true);
}

void
guard_link(struct guard_list *list, struct guard_link *link, PyObject *guard)
{
    link->guard = guard;
    link->list = list;
    PyMutex_Lock(&list->mutex);
    list->users++;
    link->next = list->first;
    link->back = &list->first;
    if (link->next != NULL) {
        link->next->back = &link->next;
    }
    list->first = link;
    leave_list(list, false);
}

void
guard_unlink(struct guard_link *link)
{
    PyMutex_Lock(&link->list->mutex);
    *link->back = link->next;
    if (link->next != NULL) {
        link->next->back = link->back;
    }
    leave_list(link->list, true);
}

void
guard_note_fork(struct guard_list *list, PyObject *module)
{
    const struct guard_link *link;

    list->mutex = (PyMutex){0};
    pycompat_free_section(module);
    for (link = list->first; link != NULL; link = link->next) {
        pycompat_free_section(link->guard);
    }
}

#endif
