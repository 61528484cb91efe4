/* Makes the calls of a file of cross_record.py and compares what comes out; see there. Prints "N calls, identical" or where the
 * first difference is, and then ends with 1. */
#include "self_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int64_t number;
    void *at;
} argument;

#include "cross_calls.h" /* made by cross_calls.py */

enum { MOST_PLACES = 1024, NONE = 0, ANY = 1, CONTENT = 2, ZEROS = 3, KEPT = 4, WORKSPACE = 8 };

typedef struct {
    const uint8_t *data, *end;
} reader;

typedef struct {
    int width;
    size_t size;
    const uint8_t *data;
} array;

static void give_up(const char *why)
{
    printf("%s\n", why);
    exit(2);
}

static uint64_t get(reader *r, int bytes)
{
    uint64_t value = 0;
    if (r->end - r->data < bytes)
        give_up("the file of calls ends early");
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)*r->data++ << 8 * i;
    return value;
}

static void *take(size_t size)
{
    void *at = malloc(size + 32);
    if (!at)
        give_up("out of memory");
    return at;
}

/* At an address that is a multiple of `alignment`, and not of twice it: what needs more shows. */
static uint8_t *aligned(uint8_t *at, int alignment)
{
    size_t off = (size_t)((uintptr_t)at % 16);
    return at + (16 - off) + (size_t)(alignment < 16 ? alignment : 0);
}

/* The bytes of each number in the other order. */
static void swap(uint8_t *out, const uint8_t *in, size_t size, size_t width)
{
    for (size_t i = 0; i < size; i += width)
        for (size_t k = 0; k < width; k++)
            out[i + k] = in[i + width - 1 - k];
}

/* Little-endian numbers of the file to those of this machine, or back. A width for each call, which takes an emulator a
 * fraction of the time. */
static void convert(uint8_t *out, const uint8_t *in, const array *a)
{
    const uint16_t probe = 1;
    memcpy(out, in, a->size);
    if (*(const uint8_t *)&probe == 1)
        return;
    if (a->width == 2)
        swap(out, in, a->size, 2);
    else if (a->width == 4)
        swap(out, in, a->size, 4);
    else if (a->width == 8)
        swap(out, in, a->size, 8);
    for (size_t i = 0; a->width == 12 && i < a->size; i += 8)
        swap(out + i, in + i, 4, 2);
}

static int alignment_of(int width)
{
    return width == 12 ? 2 : width;
}

static void *places[MOST_PLACES];

static void *place_of(size_t place, size_t size, int mode)
{
    if (place >= MOST_PLACES)
        give_up("too many workspaces");
    if (mode == ZEROS) {
        free(places[place]);
        places[place] = take(size);
        memset(aligned(places[place], WORKSPACE), 0, size);
    }
    if (!places[place])
        give_up("a workspace that nothing has filled");
    return aligned(places[place], WORKSPACE);
}

/* One call; returns whether it gave what it should. */
static int replay(reader *r, const array *arrays, size_t n_arrays, long n)
{
    argument a[MOST_PARAMETERS];
    void *taken[MOST_PARAMETERS] = {0};
    const array *wanted[MOST_PARAMETERS] = {0};
    int function = (int)get(r, 2), same = 1;
    if (function >= N_FUNCTIONS)
        give_up("a function that this program does not know");
    const char *name = FUNCTIONS[function].name, *roles = FUNCTIONS[function].roles;
    int64_t result = (int64_t)get(r, 8);
    for (int i = 0; roles[i]; i++) {
        if (roles[i] == 'n') {
            a[i].number = (int64_t)get(r, 8);
            continue;
        }
        int mode = (int)get(r, 1);
        size_t size = (size_t)get(r, 4);
        a[i].at = NULL;
        if (mode == ANY) {
            taken[i] = take(size);
            a[i].at = memset(aligned(taken[i], WORKSPACE), 0xA5, size);
        } else if (mode == CONTENT) {
            size_t before = (size_t)get(r, 4), after = roles[i] == 'c' ? before : (size_t)get(r, 4);
            if (before >= n_arrays || after >= n_arrays || arrays[before].size != size || arrays[after].size != size)
                give_up("an array that the file does not have");
            taken[i] = take(size);
            a[i].at = aligned(taken[i], alignment_of(arrays[before].width));
            convert(a[i].at, arrays[before].data, &arrays[before]);
            wanted[i] = &arrays[after];
        } else if (mode != NONE) {
            a[i].at = place_of((size_t)get(r, 4), size, mode);
        }
    }
    int64_t found = call(function, a);
    if (found != result && roles[0]) { /* without parameters: sizes of memory, which may differ */
        printf("call %ld, %s: returns %ld, not %ld\n", n, name, (long)found, (long)result);
        same = 0;
    }
    for (int i = 0; roles[i]; i++) {
        if (wanted[i] && same) {
            const array *w = wanted[i];
            uint8_t *content = take(w->size);
            convert(content, a[i].at, w);
            same = !memcmp(content, w->data, w->size);
            for (size_t k = 0; k < w->size && !same; k++)
                if (content[k] != w->data[k]) {
                    printf("call %ld, %s: argument %d differs at byte %lu\n", n, name, i + 1, (unsigned long)k);
                    break;
                }
            free(content);
        }
        free(taken[i]);
    }
    return same;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (!file || fseek(file, 0, SEEK_END))
        give_up("usage: cross_replay FILE");
    long size = ftell(file), n = 0;
    uint8_t *content = take((size_t)size);
    rewind(file);
    if (fread(content, 1, (size_t)size, file) != (size_t)size || size < 8 || memcmp(content, "APCALLS1", 8))
        give_up("not a file of calls");
    fclose(file);
    array *arrays = NULL;
    size_t n_arrays = 0, room = 0;
    reader r = {content + 8, content + size};
    int different = 0, kind;
    while ((kind = (int)get(&r, 1)) != 'E' && !different) {
        if (kind == 'C') {
            different = !replay(&r, arrays, n_arrays, n++);
            continue;
        }
        if (kind != 'B')
            give_up("the file of calls is damaged");
        if (n_arrays == room) {
            room = 2 * room + 1024;
            arrays = realloc(arrays, room * sizeof *arrays);
            if (!arrays)
                give_up("out of memory");
        }
        array next;
        next.width = (int)get(&r, 1);
        next.size = (size_t)get(&r, 4);
        next.data = r.data;
        if ((size_t)(r.end - r.data) < next.size)
            give_up("the file of calls ends early");
        r.data += next.size;
        arrays[n_arrays++] = next;
    }
    if (!different && get(&r, 4) != (uint64_t)n)
        give_up("the file of calls has lost some");
    size_t n_workspace = (size_t)apercu_self_test_workspace();
    void *workspace = take(n_workspace);
    if (!different && apercu_self_test(aligned(workspace, WORKSPACE), n_workspace)) {
        printf("the known answers differ\n");
        different = 1;
    }
    if (!different)
        printf("%ld calls, identical\n", n);
    free(workspace);
    free(arrays);
    free(content);
    for (size_t place = 0; place < MOST_PLACES; place++)
        free(places[place]);
    return different;
}
