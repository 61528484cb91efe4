/* Canonical Huffman codes: lengths from frequencies, tables to and from the stream (spec/FORMAT.md, "Code tables"). */
#include "huffman.h"

#include <string.h>

enum { LO_ORDER = 4, COUNT_ORDER = 4, KIND_BITS = 1, FLAT_BITS_BITS = 4, LENGTH_BITS = 4 };

static uint32_t zigzag(int32_t v)
{
    return v >= 0 ? (uint32_t)v * 2 : (uint32_t)(-(v + 1)) * 2 + 1;
}

static int32_t unzigzag(uint32_t u)
{
    return u & 1 ? -(int32_t)(u / 2) - 1 : (int32_t)(u / 2);
}

/* The gap sequence is Ciura's, carried on by a factor of 2.25. */
void huffman_sort(uint16_t *a, uint32_t n, const uint32_t *by)
{
    static const uint16_t gaps[] = {20063, 8917, 3963, 1761, 701, 301, 132, 57, 23, 10, 4, 1};
    for (unsigned g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (uint32_t i = gaps[g]; i < n; i++) {
            uint16_t v = a[i];
            uint32_t key = by ? by[v] : 0, j = i;
            for (; j >= gaps[g]; j -= gaps[g]) {
                uint16_t before = a[j - gaps[g]];
                uint32_t its = by ? by[before] : 0;
                if (its < key || (its == key && before <= v))
                    break;
                a[j] = before;
            }
            a[j] = v;
        }
    }
}

uint32_t huffman_find(const huffman_encoder *h, int32_t symbol)
{
    uint32_t from = 0, end = h->n;
    while (from < end) {
        uint32_t middle = (from + end) / 2;
        if (h->symbols[middle] < symbol)
            from = middle + 1;
        else
            end = middle;
    }
    return from;
}

/* Depths of the Huffman tree over `n` >= 2 weights in ascending order, in place: Moffat and Katajainen, "In-place
 * calculation of minimum-redundancy codes", 1995. On return a[0..n-1] are depths, not ascending. */
static void tree_depths(uint32_t *a, uint32_t n)
{
    uint32_t root = 0, leaf = 2;
    a[0] += a[1];
    for (uint32_t next = 1; next + 1 < n; next++) {
        for (int half = 0; half < 2; half++) {
            uint32_t add;
            if (leaf >= n || (root < next && a[root] < a[leaf])) {
                add = a[root];
                a[root++] = next;
            } else {
                add = a[leaf++];
            }
            a[next] = half ? a[next] + add : add;
        }
    }
    a[n - 2] = 0;
    for (uint32_t i = n - 2; i-- > 0;)
        a[i] = a[a[i]] + 1;
    uint32_t available = 1, used = 0, depth = 0;
    uint32_t inner = n - 1, out = n; /* both count down; inner nodes live in a[0..n-2] */
    while (available > 0) {
        while (inner > 0 && a[inner - 1] == depth) {
            used++;
            inner--;
        }
        while (available > used) {
            a[--out] = depth;
            available--;
        }
        available = 2 * used;
        depth++;
        used = 0;
    }
}

/* Lengths, at most HUFFMAN_MAX_LENGTH, into `length`; zero marks an unused symbol. */
static void code_lengths(const uint32_t *frequency, uint32_t count, uint8_t *length, const huffman_scratch *scratch)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        length[i] = 0;
        if (frequency[i])
            scratch->order[n++] = (uint16_t)i;
    }
    huffman_sort(scratch->order, n, frequency);
    for (uint32_t i = 0; i < n; i++)
        scratch->node[i] = frequency[scratch->order[i]];
    tree_depths(scratch->node, n);
    /* Words that are too long are paired off against shorter ones (ITU-T T.81, figure K.3); depths stay below 64
     * because frequencies add up to less than 2^32 and a tree that deep needs Fibonacci weights. */
    uint32_t n_of[64] = {0};
    unsigned deepest = 0;
    for (uint32_t i = 0; i < n; i++) {
        n_of[scratch->node[i]]++;
        if (scratch->node[i] > deepest)
            deepest = scratch->node[i];
    }
    for (unsigned d = deepest; d > HUFFMAN_MAX_LENGTH; d--) {
        while (n_of[d] > 0) {
            unsigned j = d - 2;
            while (n_of[j] == 0)
                j--;
            n_of[d] -= 2;
            n_of[d - 1]++;
            n_of[j + 1] += 2;
            n_of[j]--;
        }
    }
    uint32_t at = n; /* the most frequent symbols stand last and get the shortest words */
    for (unsigned d = 1; d <= HUFFMAN_MAX_LENGTH; d++)
        for (uint32_t k = 0; k < n_of[d]; k++)
            length[scratch->order[--at]] = (uint8_t)d;
}

/* First code word of each length, as a number of that many bits; returns the sum of 2^(16 - length). */
static uint32_t first_words(const uint8_t *length, uint32_t count, uint32_t *first, uint32_t *n_of)
{
    memset(n_of, 0, (HUFFMAN_MAX_LENGTH + 1) * sizeof *n_of);
    for (uint32_t i = 0; i < count; i++)
        n_of[length[i]]++;
    n_of[0] = 0;
    uint32_t kraft = 0, word = 0;
    first[0] = 0;
    for (unsigned d = 1; d <= HUFFMAN_MAX_LENGTH; d++) {
        word = (word + n_of[d - 1]) << 1;
        first[d] = word;
        kraft += n_of[d] << (HUFFMAN_MAX_LENGTH - d);
    }
    return kraft;
}

static void put_lengths(bit_writer *w, const huffman_encoder *h)
{
    uint32_t before = h->length[0];
    int32_t last = h->lo;
    put_bits(w, before - 1, LENGTH_BITS);
    for (uint32_t i = 1; i < h->n; i++) {
        uint32_t length = h->length[i];
        if (length == 0)
            continue;
        int32_t symbol = huffman_symbol(h, i);
        if (symbol - last > 1) {
            put_bits(w, 7, 3);
            put_exp_golomb(w, (uint32_t)(symbol - last - 2), 0);
        }
        if (length == before)
            put_bits(w, 0, 1);
        else if (length == before + 1)
            put_bits(w, 4, 3);
        else if (length + 1 == before)
            put_bits(w, 5, 3);
        else
            put_bits(w, 6u << LENGTH_BITS | (length - 1), 3 + LENGTH_BITS);
        before = length;
        last = symbol;
    }
}

static int get_lengths(bit_reader *r, uint8_t *length, uint32_t count)
{
    uint32_t before = get_bits(r, LENGTH_BITS) + 1;
    length[0] = (uint8_t)before;
    for (uint32_t i = 1; i < count; i++) {
        if (get_bits(r, 1)) {
            uint32_t what = get_bits(r, 2);
            if (what == 0) {
                before++;
            } else if (what == 1) {
                before--;
            } else if (what == 2) {
                before = get_bits(r, LENGTH_BITS) + 1;
            } else {
                int32_t more = get_exp_golomb(r, 0);
                uint32_t room = count - i;
#ifdef APERCU_PLANT_OVERFLOW /* fuzz/run.py --plant: the fuzzer has to find what this breaks */
                room = UINT32_MAX;
#endif
                if (more < 0 || (uint32_t)more + 1 >= room)
                    return APERCU_ERROR_CORRUPT; /* the last symbol of a table is a used one */
                memset(length + i, 0, (size_t)more + 1);
                i += (uint32_t)more;
                continue;
            }
            if (before < 1 || before > HUFFMAN_MAX_LENGTH)
                return APERCU_ERROR_CORRUPT;
        }
        length[i] = (uint8_t)before;
        if (bits_overrun(r))
            return APERCU_ERROR_TRUNCATED;
    }
    return 0;
}

void huffman_plan(huffman_encoder *h, const huffman_scratch *scratch)
{
    uint64_t total = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < h->n; i++) {
        total += h->frequency[i];
        used += h->frequency[i] > 0;
    }
    h->listed = 0;
    h->flat_bits = 0;
    while ((1u << h->flat_bits) < h->count)
        h->flat_bits++;
    bit_writer flat = bit_writer_at(NULL, 0, 0);
    huffman_put_table(&flat, h);
    h->cost = flat.n_bits + total * h->flat_bits;
    if (used < 2)
        return;

    code_lengths(h->frequency, h->n, h->length, scratch);
    h->listed = 1;
    bit_writer listed = bit_writer_at(NULL, 0, 0);
    huffman_put_table(&listed, h);
    uint64_t cost = listed.n_bits;
    for (uint32_t i = 0; i < h->n; i++)
        cost += (uint64_t)h->frequency[i] * h->length[i];
    if (cost >= h->cost) {
        h->listed = 0;
        return;
    }
    h->cost = cost;
    uint32_t first[HUFFMAN_MAX_LENGTH + 1], n_of[HUFFMAN_MAX_LENGTH + 1];
    first_words(h->length, h->n, first, n_of);
    for (uint32_t i = 0; i < h->n; i++)
        h->code[i] = h->length[i] ? (uint16_t)first[h->length[i]]++ : 0;
}

void huffman_put_table(bit_writer *w, const huffman_encoder *h)
{
    put_bits(w, h->listed ? 1 : 0, KIND_BITS);
    put_exp_golomb(w, zigzag(h->lo), LO_ORDER);
    if (h->listed) {
        put_exp_golomb(w, h->count - 2, COUNT_ORDER);
        put_lengths(w, h);
    } else {
        put_bits(w, h->flat_bits, FLAT_BITS_BITS);
    }
}

static int read_table(bit_reader *r, huffman_decoder *h, uint8_t *length)
{
    h->listed = (int)get_bits(r, KIND_BITS);
    int32_t lo = get_exp_golomb(r, LO_ORDER);
    if (lo < 0 || lo >= 2 * HUFFMAN_MAX_COUNT)
        return APERCU_ERROR_CORRUPT;
    h->lo = unzigzag((uint32_t)lo);
    h->flat_bits = 0;
    if (!h->listed) {
        h->flat_bits = get_bits(r, FLAT_BITS_BITS);
        if (h->lo + (1 << h->flat_bits) > HUFFMAN_MAX_COUNT)
            return APERCU_ERROR_CORRUPT;
        return 0;
    }
    int32_t beyond = get_exp_golomb(r, COUNT_ORDER);
    if (beyond < 0 || beyond + 2 > HUFFMAN_MAX_COUNT)
        return APERCU_ERROR_CORRUPT;
    uint32_t count = (uint32_t)beyond + 2;
    if (h->lo + (int32_t)count > HUFFMAN_MAX_COUNT)
        return APERCU_ERROR_CORRUPT;
    int fault = get_lengths(r, length, count);
    if (fault)
        return fault;

    uint32_t n_of[HUFFMAN_MAX_LENGTH + 1], next[HUFFMAN_MAX_LENGTH + 1];
    if (first_words(length, count, h->first, n_of) != 1u << HUFFMAN_MAX_LENGTH)
        return APERCU_ERROR_CORRUPT; /* an incomplete or an oversubscribed code */
    uint32_t at = 0;
    h->longest = 0;
    for (unsigned d = 1; d <= HUFFMAN_MAX_LENGTH; d++) {
        h->offset[d] = next[d] = at;
        at += n_of[d];
        if (n_of[d])
            h->longest = d;
    }
    for (uint32_t i = 0; i < count; i++)
        if (length[i])
            h->sorted[next[length[i]]++] = (uint16_t)i;

    memset(h->fast, 0, sizeof h->fast);
    for (unsigned d = 1; d <= h->longest; d++) {
        for (uint32_t k = 0; k < n_of[d] && d <= HUFFMAN_FAST_BITS; k++) {
            uint32_t entry = (uint32_t)h->sorted[h->offset[d] + k] << 8 | d;
            uint32_t from = (h->first[d] + k) << (HUFFMAN_FAST_BITS - d);
            for (uint32_t j = 0; j < 1u << (HUFFMAN_FAST_BITS - d); j++)
                h->fast[from + j] = entry;
        }
        h->first[d] <<= 32 - d; /* left-aligned from here on; see huffman_get */
    }
    return 0;
}

int huffman_get_table(bit_reader *r, huffman_decoder *h, uint8_t *length_scratch)
{
    int fault = read_table(r, h, length_scratch);
    return bits_overrun(r) ? APERCU_ERROR_TRUNCATED : fault; /* zeros past the end may break a rule as well */
}
