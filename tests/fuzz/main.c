/* Runs the inputs in the files that are named, without libFuzzer. */

#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

static uint8_t *
read_file(const char *name, size_t *size)
{
    FILE *file = fopen(name, "rb");
    long length = -1;
    uint8_t *data = NULL;

    if (file == NULL) {
        return NULL;
    }
    if (fseek(file, 0, SEEK_END) == 0) {
        length = ftell(file);
    }
    if (length >= 0 && fseek(file, 0, SEEK_SET) == 0) {
        data = malloc((size_t)length);
    }
    if (data != NULL) {
        *size = fread(data, 1, (size_t)length, file);
    }
    (void)fclose(file);
    return data;
}

int
main(int argc, char **argv)
{
    int i;

    for (i = 1; i < argc; i++) {
        size_t size;
        uint8_t *data = read_file(argv[i], &size);

        printf("%s\n", argv[i]);
        if (fflush(stdout) != 0 || data == NULL) {
            return EXIT_FAILURE;
        }
        (void)LLVMFuzzerTestOneInput(data, size);
        free(data);
    }
    return EXIT_SUCCESS;
}
