/* Maps of symbols: decoding of any bytes by both coders, and what is encoded comes back; the DCT with what follows it. */
#include "dct.h"
#include "input.h"
#include "map_code.h"
#include "map_huffman.h"

enum { MOST_SIDE = 12, MOST_PLANES = 4, MOST_MAPS = 20, MOST_GROUPS = 6 };

typedef struct {
    map_plane *planes;
    map_kind *kinds;
    size_t n_planes, n_maps, n_groups, n_symbols;
} layout;

static size_t blocks_of(const map_plane *plane)
{
    return (size_t)plane->height * (size_t)plane->width;
}

/* Some break the contract. */
static layout take_layout(input *in)
{
    uint32_t how = take(in);
    layout l = {NULL, NULL, 1 + take(in) % MOST_PLANES, 1 + take(in) % MOST_MAPS, 1 + take(in) % MOST_GROUPS, 0};
    l.planes = exact_zeros(l.n_planes * sizeof *l.planes);
    l.kinds = exact_zeros(l.n_maps * sizeof *l.kinds);
    for (size_t p = 0; p < l.n_planes; p++) {
        uint32_t what = take(in);
        map_plane plane = {1 + (int32_t)(take(in) % MOST_SIDE), 1 + (int32_t)(take(in) % MOST_SIDE), what & 1,
                           p && what & 2 ? (int32_t)((what >> 4) % p) : -1};
        if (plane.companion >= 0) {
            const map_plane *other = &l.planes[plane.companion];
            plane.height = what & 4 ? (other->height + 1) / 2 : other->height;
            plane.width = what & 4 ? (other->width + 1) / 2 : other->width;
        }
        l.planes[p] = plane;
    }
    for (size_t m = 0; m < l.n_maps; m++) {
        uint32_t what = take(in);
        map_kind kind = {(int32_t)(what & 3), (int32_t)(take(in) % l.n_groups), what & 8 ? (int32_t)take_number(in, 2) : -1,
                         {-1, -1, -1, -1}};
        for (int e = 0; e < MAP_EARLIER; e++)
            kind.earlier[e] = (int32_t)(take(in) % (m + 1)) - 1;
        l.kinds[m] = kind;
    }
    if (how == 255)
        l.planes[take(in) % l.n_planes].width = (int32_t)take(in) - 128;
    if (how == 254)
        l.kinds[take(in) % l.n_maps].group = (int32_t)take(in) - 128;
    if (how == 253)
        l.kinds[take(in) % l.n_maps].earlier[1] = (int32_t)take(in) - 64;
    for (size_t p = 0; p < l.n_planes; p++) /* only now: another width may be one that is taken */
        l.n_symbols += l.n_maps * blocks_of(&l.planes[p]);
    return l;
}

typedef struct {
    uint8_t *weights;
    range_context *contexts;
    size_t n_contexts;
} tables;

static tables take_tables(input *in, const layout *l)
{
    static const uint16_t EXTREMES[] = {1, 2, 255, 32768, 65280, 65534, 65535, 1};
    uint32_t kind = take(in), state = take(in) + 1;
    tables t = {exact(MAP_CLASSES * l->n_groups * MAP_WEIGHTS), NULL, map_contexts(l->n_groups, 1)};
    t.contexts = exact(t.n_contexts * sizeof *t.contexts);
    uint16_t *starts = exact(2 * t.n_contexts * sizeof *starts);
    for (size_t i = 0; i < MAP_CLASSES * l->n_groups * MAP_WEIGHTS; i++)
        t.weights[i] = (uint8_t)(kind & 1 ? MAP_LARGEST_WEIGHT : next_random(&state) % (MAP_LARGEST_WEIGHT + 1));
    for (size_t i = 0; i < t.n_contexts; i++) {
        uint32_t random = next_random(&state);
        starts[2 * i] = (uint16_t)(kind & 2 ? EXTREMES[random % 8] : 20000 + random % 40000);
        starts[2 * i + 1] = (uint16_t)(kind & 4 ? 128 : 2 + (random >> 16) % 127);
    }
    claim(apercu_maps_start(starts, l->n_groups, 1, t.contexts) == (int64_t)t.n_contexts, "sound tables are taken");
    free(starts);
    return t;
}

static void free_all(layout *l, tables *t)
{
    free(l->planes);
    free(l->kinds);
    free(t->weights);
    free(t->contexts);
}

typedef struct {
    range_context *contexts;
    uint8_t *workspace;
    size_t n_workspace;
    int16_t *symbols;
} state;

static state new_state(const layout *l, const tables *t, size_t n_workspace)
{
    state s = {exact(t->n_contexts * sizeof *t->contexts), exact_zeros(n_workspace), n_workspace,
               exact_zeros(l->n_symbols * sizeof(int16_t))};
    memcpy(s.contexts, t->contexts, t->n_contexts * sizeof *t->contexts);
    return s;
}

static void free_state(state *s)
{
    free(s->contexts);
    free(s->workspace);
    free(s->symbols);
}

static int64_t decode(const layout *l, const tables *t, state *s, size_t first, size_t end, const uint8_t *data, size_t n)
{
    uint64_t passed[3] = {0};
    return apercu_maps_decode(l->planes, l->n_planes, l->kinds, l->n_maps, l->n_groups, t->weights, first, end, 0,
                              l->n_planes, s->contexts, s->workspace, s->n_workspace, s->symbols, data, n, passed, 1);
}

static void check_symbols(const int16_t *symbols, size_t n)
{
    use(symbols, n * sizeof *symbols);
    for (size_t i = 0; i < n; i++)
        claim(symbols[i] >= -MAP_LARGEST_VALUE, "symbols are within their range");
}

static int64_t workspace_of(const layout *l)
{
    return apercu_maps_workspace(l->planes, l->n_planes, l->n_maps);
}

static int takes(const layout *l, const tables *t, int64_t wanted)
{
    if (wanted < 0)
        return 0;
    state s = new_state(l, t, (size_t)wanted);
    int64_t code = decode(l, t, &s, 0, 1, NULL, 0);
    s.n_workspace--;
    claim(decode(l, t, &s, 0, 1, NULL, 0) < 0, "too little memory is refused");
    free_state(&s);
    return code != APERCU_ERROR_ARGUMENT;
}

void guided_maps_decode(input *in)
{
    layout l = take_layout(in);
    tables t = take_tables(in, &l);
    size_t cut = 1 + take(in) % l.n_maps, n_first = take_number(in, 2);
    int64_t wanted = workspace_of(&l);
    if (takes(&l, &t, wanted)) {
        state s = new_state(&l, &t, (size_t)wanted);
        uint8_t *data = take_bytes(in, &n_first);
        int64_t code = decode(&l, &t, &s, 0, cut, data, n_first);
        free(data);
        size_t rest = in->left;
        data = take_bytes(in, &rest);
        if (code == 0 && cut < l.n_maps)
            code = decode(&l, &t, &s, cut, l.n_maps, data, rest);
        claim(code == 0 || code == APERCU_ERROR_TRUNCATED || code == APERCU_ERROR_CORRUPT, "decoding says how it ended");
        check_symbols(s.symbols, l.n_symbols);
        free(data);
        free_state(&s);
    }
    free_all(&l, &t);
}

static int16_t *take_values(input *in, size_t n)
{
    uint32_t kind = take(in), random = take(in) + 1;
    int16_t *values = exact(n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        uint32_t x = next_random(&random);
        int32_t value = in->left > 1 ? (int32_t)take_number(in, 2) - 32768 : (int32_t)(x >> 8 & 0xffff) - 32768;
        values[i] = (int16_t)(x % 16 < kind % 16 ? value / (1 << (kind >> 4)) : 0);
    }
    return values;
}

static void take_settings(input *in, const layout *l, int32_t *steps, int32_t *prices)
{
    uint32_t kind = take(in), random = take(in) + 1;
    for (size_t i = 0; i < MAP_CLASSES * l->n_maps; i++) {
        uint32_t x = next_random(&random);
        steps[i] = kind & 1 ? 1 + (int32_t)(x % 20000) : kind & 2 ? 1 : 1 << 24;
        prices[i] = kind & 4 ? (int32_t)(x >> 16) : kind & 8 ? 0 : 26;
    }
}

void guided_maps_encode(input *in)
{
    layout l = take_layout(in);
    tables t = take_tables(in, &l);
    int64_t wanted = workspace_of(&l);
    if (takes(&l, &t, wanted)) {
        int32_t *steps = exact(MAP_CLASSES * l.n_maps * sizeof *steps), *prices = exact(MAP_CLASSES * l.n_maps * sizeof *steps);
        take_settings(in, &l, steps, prices);
        int16_t *values = take_values(in, l.n_symbols);
        state writer = new_state(&l, &t, (size_t)wanted), reader = new_state(&l, &t, (size_t)wanted);
        state again = new_state(&l, &t, (size_t)wanted);
        size_t capacity = 64 + 80 * l.n_symbols; /* 32 bits in contexts of 16 bits each, and 16 others */
        uint8_t *out = exact(capacity);
        uint64_t passed[3] = {0}, passed_again[3] = {0};
        int64_t n = apercu_maps_encode(l.planes, l.n_planes, l.kinds, l.n_maps, l.n_groups, t.weights, steps, prices, 0,
                                       l.n_maps, 0, l.n_planes, writer.contexts, writer.workspace, writer.n_workspace, values,
                                       writer.symbols, out, capacity, passed, 1);
        claim(n >= 0, "there is room for any symbols");
        use(out, (size_t)n);
        uint8_t *second = exact((size_t)n + 6);
        int64_t m = 0;
        for (size_t p = 0; p < l.n_planes; p++)
            m = apercu_maps_encode(l.planes, l.n_planes, l.kinds, l.n_maps, l.n_groups, t.weights, steps, prices, 0, l.n_maps,
                                   p, p + 1, again.contexts, again.workspace, again.n_workspace, values, again.symbols, second,
                                   (size_t)n + 6, passed_again, p + 1 == l.n_planes);
        claim(m == n && !memcmp(out, second, (size_t)n), "plane by plane, the bytes are the same");
        uint8_t *data = exact((size_t)n);
        memcpy(data, out, (size_t)n);
        claim(decode(&l, &t, &reader, 0, l.n_maps, data, (size_t)n) == 0, "what is encoded is sound");
        claim(!memcmp(writer.symbols, reader.symbols, l.n_symbols * sizeof(int16_t)), "the symbols come back");
        check_symbols(reader.symbols, l.n_symbols);
        free_state(&writer);
        free_state(&reader);
        free_state(&again);
        free(data);
        free(second);
        free(out);
        free(values);
        free(steps);
        free(prices);
    }
    free_all(&l, &t);
}

/* Whether all maps of a scan are plain, or it has one alone. */
static int is_scan(const layout *l, size_t first, size_t end)
{
    for (size_t m = first; m < end; m++)
        if (l->kinds[m].kind != MAP_PLAIN && end - first > 1)
            return 0;
    return 1;
}

/* Scans of the first plane, one after the other: of any bytes, or of any values. */
void guided_maps_huffman(input *in)
{
    layout l = take_layout(in);
    int writing = take(in) & 1;
    size_t height = (size_t)l.planes[0].height, width = (size_t)l.planes[0].width, n_symbols = l.n_maps * height * width;
    if (workspace_of(&l) < 0 || l.planes[0].width < 1) {
        free(l.planes);
        free(l.kinds);
        return;
    }
    size_t n_encoder = (size_t)apercu_map_huffman_encoder_workspace();
    size_t n_decoder = (size_t)apercu_map_huffman_decoder_workspace();
    void *encoder = exact(n_encoder), *decoder = exact(n_decoder);
    int32_t *steps = exact(MAP_CLASSES * l.n_maps * sizeof *steps), *prices = exact(MAP_CLASSES * l.n_maps * sizeof *steps);
    take_settings(in, &l, steps, prices);
    int16_t *values = writing ? take_values(in, n_symbols) : NULL, *read = exact_zeros(n_symbols * sizeof *read);
    int16_t *symbols = exact_zeros(n_symbols * sizeof *symbols);
    size_t n_data = writing ? 0 : in->left;
    uint8_t *data = writing ? NULL : take_bytes(in, &n_data), lengths[WORDS];
    uint64_t at = 0;
    for (size_t first = 0, end; first < l.n_maps; first = end) {
        end = first + 1;
        while (end < l.n_maps && is_scan(&l, first, end + 1))
            end++;
        if (writing) {
            uint32_t *frequency = exact_zeros(WORDS * sizeof *frequency);
            for (int pass = 0; pass < 3; pass++) {
                claim(apercu_map_huffman_choose(height, width, l.kinds, l.n_maps, first, end, steps, prices,
                                                pass ? lengths : NULL, 200, values, symbols) == 0, "values are taken");
                memset(frequency, 0, WORDS * sizeof *frequency);
                claim(apercu_map_huffman_count(height, width, l.kinds, l.n_maps, first, end, symbols, frequency) >= 0,
                      "words are counted");
                claim(apercu_map_huffman_plan(frequency, encoder, n_encoder, lengths, NULL, 0, 0) > 0, "there is a table");
            }
            n_data = 2048 + 6 * (end - first) * height * width;
            data = exact_zeros(n_data);
            int64_t after = apercu_map_huffman_plan(frequency, encoder, n_encoder, lengths, data, n_data, 0);
            int64_t n = apercu_map_huffman_put(height, width, l.kinds, l.n_maps, first, end, symbols, frequency, encoder,
                                               n_encoder, data, n_data, (uint64_t)after);
            claim(after > 0 && n >= after, "there is room for any symbols");
            size_t n_bytes = ((size_t)n + 7) / 8;
            uint8_t *exactly = exact(n_bytes);
            memcpy(exactly, data, n_bytes);
            claim(apercu_map_huffman_get(height, width, l.kinds, l.n_maps, first, end, exactly, n_bytes, 0, (uint64_t)after,
                                         decoder, n_decoder, read) == n, "what is encoded is sound");
            claim(!memcmp(symbols, read, end * height * width * sizeof *read), "the symbols come back");
            free(exactly);
            free(data);
            data = NULL;
            free(frequency);
            continue;
        }
        int64_t after = apercu_map_huffman_get_table(data, n_data, at, decoder, n_decoder), n = after;
        if (after >= 0)
            n = apercu_map_huffman_get(height, width, l.kinds, l.n_maps, first, end, data, n_data, at, (uint64_t)after, decoder,
                                       n_decoder, read);
        claim(n >= 0 || n == APERCU_ERROR_TRUNCATED || n == APERCU_ERROR_CORRUPT, "decoding says how it ended");
        if (n < 0)
            break;
        at = (uint64_t)n;
    }
    check_symbols(read, n_symbols);
    free(data);
    free(values);
    free(read);
    free(symbols);
    free(steps);
    free(prices);
    free(encoder);
    free(decoder);
    free(l.planes);
    free(l.kinds);
}

void guided_dct(input *in)
{
    size_t height = 1 + take(in) % 5, width = 1 + take(in) % 5, n = height * width * DCT_MAPS;
    int32_t centre = (int32_t)(take_number(in, 2) % (2 * DCT_LIMIT + 1)) - DCT_LIMIT, limit = (int32_t)take_number(in, 2);
    uint8_t order[DCT_MAPS];
    int16_t weights[DCT_EXPECTED * DCT_SUMS];
    int32_t steps[DCT_MAPS];
    uint32_t random = take(in) + 1, kind = take(in);
    for (size_t m = 0; m < DCT_MAPS; m++) {
        order[m] = (uint8_t)(m ^ (kind & 63));
        steps[m] = kind & 64 ? 1 << 24 : 1 + (int32_t)(next_random(&random) % (1 << 24));
    }
    for (size_t i = 0; i < DCT_EXPECTED * DCT_SUMS; i++)
        weights[i] = (int16_t)(kind & 128 ? DCT_LARGEST_WEIGHT : (int32_t)(next_random(&random) % 4095) - DCT_LARGEST_WEIGHT);
    int16_t *plane = take_values(in, n), *symbols = take_values(in, n), *maps = exact(n * sizeof *maps);
    claim(apercu_dct_analyse(plane, width * DCT_SIDE, height, width, centre, order, maps) == 0, "any samples are taken");
    claim(apercu_dct_expect(maps, height, width, order, weights, -1) == 0, "any coefficients are taken");
    use(maps, n * sizeof *maps);
    claim(apercu_dct_dequantise(symbols, height * width, steps, maps) == 0, "any symbols are taken");
    claim(apercu_dct_expect(maps, height, width, order, weights, 1) == 0, "any coefficients are taken");
    int16_t *out = exact(n * sizeof *out);
    claim(apercu_dct_synthesise(maps, height, width, centre, order, out, width * DCT_SIDE) == 0, "any maps are taken");
    claim(apercu_dct_smooth(out, width * DCT_SIDE, height, width, limit) == 0, "any plane is taken");
    claim(apercu_dct_smooth(plane, width * DCT_SIDE, height, width, limit) == 0, "any plane is taken");
    for (size_t i = 0; i < n; i++)
        claim(out[i] >= -DCT_LIMIT && out[i] <= DCT_LIMIT, "samples are within their range");
    free(plane);
    free(symbols);
    free(maps);
    free(out);
}
