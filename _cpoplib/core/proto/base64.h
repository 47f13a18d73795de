/* Base64 (RFC 4648, section 4), as challenges and responses of SASL are sent
   (RFC 5034, section 4). */

#ifndef POP_BASE64_H
#define POP_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Characters that so many octets make; octets that so many characters make at
   the most. */
size_t pop_base64_encoded(size_t octets);
size_t pop_base64_decoded(size_t characters);

/* Writes pop_base64_encoded(length) characters. */
void pop_base64_encode(const void *data, size_t length, char *text);

/* Writes *octets octets.  False, and what was written is nothing, unless the
   text is of whole groups of four, without line ends or anything else. */
bool pop_base64_decode(const char *text, size_t length, unsigned char *data,
                       size_t *octets);

#endif
