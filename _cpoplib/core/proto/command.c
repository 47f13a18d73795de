/* The table of commands, and the parts of a command line. */

#include "core/proto/command.h"

#include <assert.h>
#include <string.h>

#include "core/proto/scan.h"

static const struct pop_command commands[POP_VERB_COUNT] = {
    [POP_VERB_APOP] = {"APOP", false, false},
    [POP_VERB_CAPA] = {"CAPA", true, true},
    [POP_VERB_DELE] = {"DELE", false, false},
    [POP_VERB_LANG] = {"LANG", true, false},
    [POP_VERB_LIST] = {"LIST", true, false},
    [POP_VERB_NOOP] = {"NOOP", false, false},
    [POP_VERB_PASS] = {"PASS", false, false},
    [POP_VERB_QUIT] = {"QUIT", false, false},
    [POP_VERB_RETR] = {"RETR", true, true},
    [POP_VERB_RPOP] = {"RPOP", false, false},
    [POP_VERB_RSET] = {"RSET", false, false},
    [POP_VERB_STAT] = {"STAT", false, false},
    [POP_VERB_TOP] = {"TOP", true, true},
    [POP_VERB_UIDL] = {"UIDL", true, false},
    [POP_VERB_USER] = {"USER", false, false},
    [POP_VERB_UTF8] = {"UTF8", false, false},
};

const struct pop_command *
pop_command(enum pop_verb verb)
{
    assert(verb < POP_VERB_COUNT);
    return &commands[verb];
}

enum pop_status
pop_command_check(const char *line, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        unsigned char c = (unsigned char)line[i];

        if (c < 0x20 || c == 0x7f) {
            return POP_CONTROL;
        }
    }
    return POP_OK;
}

long long
pop_command_number(const char *line, size_t length)
{
    size_t i = 0;
    size_t digits;

    while (i < length && line[i] != ' ') {
        i++;
    }
    while (i < length && line[i] == ' ') {
        i++;
    }
    return pop_scan_number(line + i, length - i, &digits);
}

enum pop_status
pop_command_append(struct pop_buffer *out, const char *line, size_t length)
{
    enum pop_status status;

    if (length > POP_BUFFER_NO_CAP - 2) {
        return POP_TOO_LONG;
    }
    status = pop_buffer_reserve(out, length + 2);
    if (status != POP_OK) {
        return status;
    }
    (void)pop_buffer_append(out, line, length);
    memcpy(pop_buffer_space(out), "\r\n", 2);
    pop_buffer_commit(out, 2);
    return POP_OK;
}
