/* Base64 (RFC 4648, section 4) for the challenges and responses of SASL (RFC
   5034, section 4).  Calls nothing else in core/. */

#ifndef POP_BASE64_H
#define POP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Return the characters for that many octets, and the most octets for that
   many characters. */
size_t pop_base64_encoded(size_t octets);
size_t pop_base64_decoded(size_t characters);

/* Writes pop_base64_encoded(length) characters. */
void pop_base64_encode(const void *data, size_t length, char *text);

/* Decodes the text into `data` and sets *octets.  Returns false, with
   undefined `data`, unless the text is whole groups of four characters without
   line ends or anything else. */
bool pop_base64_decode(const char *text, size_t length, unsigned char *data,
                       size_t *octets);

#endif
