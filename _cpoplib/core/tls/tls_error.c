/* The error queue, and the parts of a code. */

#include "core/tls/tls_error.h"

#include <openssl/err.h>
#include <stdbool.h>

void
pop_tls_error_clear(void)
{
    ERR_clear_error();
}

enum pop_status
pop_tls_error_take(struct pop_error *error)
{
    unsigned long code;

    error->tls = 0;
    while ((code = ERR_get_error()) != 0) {
        if (error->tls == 0 || ERR_GET_LIB(code) != ERR_LIB_SYS) {
            error->tls = code;
        }
    }
    if (ERR_GET_REASON(error->tls) == ERR_R_MALLOC_FAILURE) {
        return POP_NO_MEMORY;
    }
    return POP_TLS;
}

int
pop_tls_error_library(unsigned long code)
{
    return ERR_GET_LIB(code);
}

int
pop_tls_error_number(unsigned long code)
{
#ifdef ERR_RFLAG_COMMON
    bool is_common = ERR_COMMON_ERROR(code);
#else
    bool is_common = ERR_GET_REASON(code) < 100;
#endif

    return is_common ? 0 : (int)ERR_GET_REASON(code);
}

const char *
pop_tls_error_reason(unsigned long code)
{
    return ERR_reason_error_string(code);
}
