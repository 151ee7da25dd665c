/* The compiled twin of a few hot functions. Each does exactly what its Python reference does (tests/native compares them);
 * what it is not sure of, it leaves to the reference.
 *
 * Rules of this file: no read beyond a string's end (every look-ahead compares with `end` first), every allocation is
 * checked, every exit frees what it holds, no recursion over input, nothing global but tables and what `setup` was given.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <stdint.h>
#include <string.h>

/* -- documents (core.document) ------------------------------------------------------------------------------------------ */

#include "_nodes.h"

static PyObject *setup_document(PyObject *module, PyObject *args)
{
    PyObject *leaf, *map, *list, *layer, *text, *number, *word, *scan, *too_deep;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!O!O!OOOOO", &PyType_Type, &leaf, &PyType_Type, &map, &PyType_Type, &list, &PyType_Type, &layer,
                          &text, &number, &word, &scan, &too_deep))
        return NULL;
#define TAKE(field, type, name) \
    if ((document.field = slot_of(type, name)) < 0) \
        return NULL;
    TAKE(leaf_value, leaf, "value")
    TAKE(leaf_start, leaf, "start")
    TAKE(leaf_end, leaf, "end")
    TAKE(leaf_kind, leaf, "kind")
    TAKE(leaf_data, leaf, "data")
    TAKE(leaf_child, leaf, "child")
    TAKE(map_items, map, "items")
    TAKE(map_start, map, "start")
    TAKE(map_end, map, "end")
    TAKE(map_dropped, map, "dropped")
    TAKE(list_items, list, "items")
    TAKE(list_start, list, "start")
    TAKE(list_end, list, "end")
    TAKE(list_dropped, list, "dropped")
    TAKE(layer_root, layer, "root")
#undef TAKE
    Py_XSETREF(document.no_bytes, PyBytes_FromStringAndSize(NULL, 0));
    if (document.no_bytes == NULL)
        return NULL;
    Py_XSETREF(document.leaf, (PyTypeObject *)Py_NewRef(leaf));
    Py_XSETREF(document.map, (PyTypeObject *)Py_NewRef(map));
    Py_XSETREF(document.list, (PyTypeObject *)Py_NewRef(list));
    Py_XSETREF(document.layer, (PyTypeObject *)Py_NewRef(layer));
    Py_XSETREF(document.text, Py_NewRef(text));
    Py_XSETREF(document.number, Py_NewRef(number));
    Py_XSETREF(document.word, Py_NewRef(word));
    Py_XSETREF(document.scan, Py_NewRef(scan));
    Py_XSETREF(document.too_deep, Py_NewRef(too_deep));
    Py_RETURN_NONE;
}

/* What can't be part of a cycle is kept from the collector, which would look at each of a hundred thousand nodes again and
 * again: keys, numbers, texts that don't open, and what holds nothing else. One of them that is opened on demand after all is
 * released with its request (ruleset.request). */

/* A leaf; takes over the reference to `value`, also where it fails. */
static PyObject *new_leaf(PyObject *value, Py_ssize_t start, Py_ssize_t end, PyObject *kind)
{
    PyObject *leaf, *from, *to;
    if (value == NULL)
        return NULL;
    from = PyLong_FromSsize_t(start);
    to = PyLong_FromSsize_t(end);
    leaf = from != NULL && to != NULL ? document.leaf->tp_alloc(document.leaf, 0) : NULL;
    if (leaf == NULL) {
        Py_DECREF(value);
        Py_XDECREF(from);
        Py_XDECREF(to);
        return NULL;
    }
    SLOT(leaf, document.leaf_value) = value;
    SLOT(leaf, document.leaf_start) = from;
    SLOT(leaf, document.leaf_end) = to;
    SLOT(leaf, document.leaf_kind) = Py_NewRef(kind);
    SLOT(leaf, document.leaf_data) = Py_NewRef(document.no_bytes);
    SLOT(leaf, document.leaf_child) = Py_NewRef(Py_None);
    return leaf;
}

/* A map or a list; takes over the reference to `items`, also where it fails. */
static PyObject *new_container(int is_map, PyObject *items, Py_ssize_t start, Py_ssize_t end)
{
    PyTypeObject *type = is_map ? document.map : document.list;
    PyObject *from = PyLong_FromSsize_t(start), *to = PyLong_FromSsize_t(end);
    PyObject *node = from != NULL && to != NULL ? type->tp_alloc(type, 0) : NULL;
    if (node == NULL) {
        Py_DECREF(items);
        Py_XDECREF(from);
        Py_XDECREF(to);
        return NULL;
    }
    SLOT(node, is_map ? document.map_items : document.list_items) = items;
    SLOT(node, is_map ? document.map_start : document.list_start) = from;
    SLOT(node, is_map ? document.map_end : document.list_end) = to;
    SLOT(node, is_map ? document.map_dropped : document.list_dropped) = Py_NewRef(Py_None);
    return node;
}

/* -- JSON (formats/json.py) ---------------------------------------------------------------------------------------------- */

#define ITEMS_PER_CHECK 4096
#define REMEMBERED 512 /* short strings that came last: keys, tags and classes repeat */
#define SHORT 24

typedef struct {
    PyObject *items;
    Py_ssize_t start;
    int is_map;
    PyObject *key;
    int is_tracked; /* whether something in it is */
} Open;

typedef struct {
    PyObject *source, *check;
    Py_ssize_t depth;
    Open *open;
    Py_ssize_t opened, room;
    PyObject *candidates;
    PyObject *recent[REMEMBERED];
} Reader;

static void reader_end(Reader *reader)
{
    for (Py_ssize_t at = 0; at < reader->opened; at++) {
        Py_XDECREF(reader->open[at].items);
        Py_XDECREF(reader->open[at].key);
    }
    PyMem_Free(reader->open);
    Py_XDECREF(reader->candidates);
    for (size_t at = 0; at < REMEMBERED; at++)
        Py_XDECREF(reader->recent[at]);
}

static int reader_push(Reader *reader, PyObject *items, Py_ssize_t start, int is_map)
{
    if (reader->opened == reader->room) {
        Py_ssize_t room = reader->room ? 2 * reader->room : 32;
        Open *more = PyMem_Realloc(reader->open, (size_t)room * sizeof(Open));
        if (more == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        reader->open = more;
        reader->room = room;
    }
    reader->open[reader->opened++] = (Open){items, start, is_map, NULL, 0};
    return 0;
}

/* What a text that opens into something may hold or begin with: a superset of core.opening's own test, which decides. */
static int is_base64_sign(Py_UCS4 c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '_' || c == '-';
}

#define SIGN_BRACE 1
#define SIGN_EQUALS 2
#define SIGN_ESCAPE 4
#define SIGN_END 8     /* quotation mark */
#define SIGN_CONTROL 16

static unsigned char json_signs[256];

static void fill_tables(void)
{
    for (int c = 0; c < 0x20; c++)
        json_signs[c] = SIGN_CONTROL;
    json_signs['{'] = SIGN_BRACE;
    json_signs['='] = SIGN_EQUALS;
    json_signs['\\'] = SIGN_ESCAPE;
    json_signs['"'] = SIGN_END;
}

#define CHAR Py_UCS1
#define NAME(name) name##_1
#include "_json.h"
#undef CHAR
#undef NAME
#define CHAR Py_UCS2
#define NAME(name) name##_2
#include "_json.h"
#undef CHAR
#undef NAME
#define CHAR Py_UCS4
#define NAME(name) name##_4
#include "_json.h"
#undef CHAR
#undef NAME

PyDoc_STRVAR(read_json_doc,
"read_json(source, at, depth, check) -> (node, end, candidates) or None\n\n"
"The map or list whose bracket is at `at`, where it ends, and the texts in it that may open into something, in order.\n"
"Calls `check` every few thousand items and `too_deep` where nesting exceeds `depth`.");

static PyObject *read_json(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    Reader reader = {0};
    Py_ssize_t at, length;
    PyObject *found = NULL;
    (void)module;
    if (count != 4 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "read_json(source, at, depth, check)");
        return NULL;
    }
    if (document.leaf == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "setup_document comes first");
        return NULL;
    }
    at = PyLong_AsSsize_t(args[1]);
    reader.depth = PyLong_AsSsize_t(args[2]);
    if (PyErr_Occurred())
        return NULL;
    reader.source = args[0];
    reader.check = args[3];
    length = PyUnicode_GET_LENGTH(reader.source);
    if (at < 0 || at >= length)
        Py_RETURN_NONE;
    reader.candidates = PyList_New(0);
    if (reader.candidates == NULL)
        return NULL;
    switch (PyUnicode_KIND(reader.source)) {
    case PyUnicode_1BYTE_KIND:
        found = read_container_1(&reader, PyUnicode_1BYTE_DATA(reader.source), at, length);
        break;
    case PyUnicode_2BYTE_KIND:
        found = read_container_2(&reader, PyUnicode_2BYTE_DATA(reader.source), at, length);
        break;
    default:
        found = read_container_4(&reader, PyUnicode_4BYTE_DATA(reader.source), at, length);
    }
    reader_end(&reader);
    if (found == NULL && !PyErr_Occurred())
        Py_RETURN_NONE;
    return found;
}

/* -- signs of a text (detectors, core.reading) ---------------------------------------------------------------------------- */

/* What a text holds that some detector, or the search for URLs, cannot do without. A sign that is not told is not there;
 * one that is told may still be nothing. Order and names are those of gateway/native/__init__.py. */
enum {
    DIGITS_4, DIGITS_6, DIGITS_9, DIGITS_12, DIGITS_14, EXPONENT, AT_SIGN, COLON, COLONS, QUESTION, ACCOUNT, DECIMAL, QUAD, PAIRS,
    LETTERED, DATED, SLASH_FIRST, LITERALS
};
#define LITERALS_END 62
#define MOST_LITERALS 256
#define LONGEST_LITERAL 31

typedef struct {
    unsigned char size, folded, bit;
    char text[LONGEST_LITERAL + 1];
} Literal;

static Literal literals[MOST_LITERALS];
static int literal_count;
static short literal_first[128]; /* by first character: where its literals begin in literal_order, -1 for none */
static short literal_order[MOST_LITERALS + 128];

#define C_DIGIT 1
#define C_UPPER 2
#define C_LOWER 4
#define C_HEX 8
#define C_GAP 16   /* may stand between the digits of one number */
#define C_ESCAPE 32
#define C_SPACE 64 /* as \s */
#define C_LETTER (C_UPPER | C_LOWER)
#define C_WORD (C_DIGIT | C_LETTER)
static unsigned char classes[256];

static void fill_classes(void)
{
    for (int c = '0'; c <= '9'; c++)
        classes[c] = C_DIGIT | C_HEX;
    for (int c = 'A'; c <= 'Z'; c++)
        classes[c] = (unsigned char)(C_UPPER | (c <= 'F' ? C_HEX : 0));
    for (int c = 'a'; c <= 'z'; c++)
        classes[c] = (unsigned char)(C_LOWER | (c <= 'f' ? C_HEX : 0));
    for (const char *c = " \t._/()+-"; *c; c++)
        classes[(unsigned char)*c] |= C_GAP;
    for (const char *c = "%&\\"; *c; c++)
        classes[(unsigned char)*c] |= C_ESCAPE;
    for (const char *c = " \t\n\r\v\f\x1c\x1d\x1e\x1f"; *c; c++)
        classes[(unsigned char)*c] |= C_SPACE;
}

static inline int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

PyDoc_STRVAR(setup_signs_doc,
"setup_signs(literals)\n\nTells the literals, each with whether case counts for nothing and with its bit: [(text, folded, bit), …].");

static PyObject *setup_signs(PyObject *module, PyObject *rows)
{
    PyObject *fast = PySequence_Fast(rows, "literals are a sequence");
    Py_ssize_t count;
    int at = 0;
    (void)module;
    if (fast == NULL)
        return NULL;
    count = PySequence_Fast_GET_SIZE(fast);
    if (count > MOST_LITERALS) {
        Py_DECREF(fast);
        PyErr_SetString(PyExc_ValueError, "too many literals");
        return NULL;
    }
    literal_count = 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *text;
        Py_ssize_t size;
        int folded, bit;
        if (!PyArg_ParseTuple(PySequence_Fast_GET_ITEM(fast, i), "s#pi", &text, &size, &folded, &bit)) {
            Py_DECREF(fast);
            return NULL;
        }
        if (size < 2 || size > LONGEST_LITERAL || bit < LITERALS || bit > LITERALS_END || (text[0] & 0x80)) {
            Py_DECREF(fast);
            PyErr_Format(PyExc_ValueError, "no literal that can be looked for: %s", text);
            return NULL;
        }
        literals[literal_count] = (Literal){.size = (unsigned char)size, .folded = (unsigned char)folded, .bit = (unsigned char)bit};
        for (Py_ssize_t j = 0; j < size; j++)
            literals[literal_count].text[j] = (char)(folded ? lower(text[j]) : text[j]);
        literal_count++;
    }
    Py_DECREF(fast);
    for (int first = 0; first < 128; first++) {
        int start = at;
        for (int i = 0; i < literal_count; i++) {
            int own = (unsigned char)literals[i].text[0];
            if ((literals[i].folded ? lower(first) : first) == own) {
                if (at >= MOST_LITERALS + 128 - 1) {
                    PyErr_SetString(PyExc_ValueError, "too many literals");
                    return NULL;
                }
                literal_order[at++] = (short)i;
            }
        }
        literal_first[first] = (short)(at > start ? start : -1);
        if (at > start) {
            if (at >= MOST_LITERALS + 128 - 1) {
                PyErr_SetString(PyExc_ValueError, "too many literals");
                return NULL;
            }
            literal_order[at++] = -1;
        }
    }
    Py_RETURN_NONE;
}

static uint64_t literals_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    uint64_t found = 0;
    short next = literal_first[s[at]];
    if (next < 0)
        return 0;
    for (; literal_order[next] >= 0; next++) {
        const Literal *literal = &literals[literal_order[next]];
        int same = 1;
        if (end - at < literal->size)
            continue;
        while (same < literal->size && (literal->folded ? lower(s[at + same]) : s[at + same]) == (unsigned char)literal->text[same])
            same++;
        if (same == literal->size)
            found |= (uint64_t)1 << literal->bit;
    }
    return found;
}

/* Whether what stands at `at` may be an escape that core.reading resolves. */
static int may_be_escape(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t next = at + 1;
    if (next >= end)
        return 0;
    if (s[at] == '%')
        return s[next] == 'u' || (classes[s[next]] & C_HEX);
    if (s[at] == '&') {
        if (s[next] == '#')
            return 1;
        if (!(classes[s[next]] & C_LETTER))
            return 0;
        while (next < end && next - at <= 33 && (classes[s[next]] & C_WORD))
            next++;
        return next < end && s[next] == ';';
    }
    while (next < end && s[next] == '\\')
        next++;
    return next < end && (s[next] == 'u' || s[next] == 'x');
}

static inline Py_ssize_t skip_gap(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, int most)
{
    while (most-- > 0 && at < end && (classes[s[at]] & C_GAP))
        at++;
    return at;
}

static inline Py_ssize_t skip_space(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    return at < end && (classes[s[at]] & C_SPACE) ? at + 1 : at;
}

static inline int is_digit_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    return at < end && (classes[s[at]] & C_DIGIT);
}

static inline int is_hex_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    return at >= 0 && at < end && (classes[s[at]] & C_HEX);
}

#define TELL(sign) (told |= (uint64_t)1 << (sign))

/* The signs of a text of ASCII; -1 where it may read as something else than it is. */
static int64_t signs_of(const unsigned char *s, Py_ssize_t end)
{
    uint64_t told = 0;
    Py_ssize_t digits = 0, most_digits = 0, gap = 0, run = 0, capitals = 0, colons = 0;
    if (end > 0 && (s[0] == '/' || s[0] == '?' || s[0] == '#'))
        TELL(SLASH_FIRST);
    for (Py_ssize_t i = 0; i < end; i++) {
        unsigned c = s[i], class = classes[c];
        if (c & 0x80)
            return -1;
        if (literal_first[c] >= 0)
            told |= literals_at(s, i, end);
        if (class & C_DIGIT) {
            digits++;
            run++;
            gap = 0;
            if (digits > most_digits)
                most_digits = digits;
            if (run == 4)
                TELL(DATED);
            capitals = 0;
            continue;
        }
        if (class & C_LETTER) {
            if (digits && gap <= 3) {
                if ((c | 0x20) == 'e' && gap == 0 && (is_digit_at(s, i + 1, end) || (i + 1 < end && (s[i + 1] == '+' || s[i + 1] == '-') &&
                                                                                      is_digit_at(s, i + 2, end))))
                    TELL(EXPONENT);
                if (digits >= 4 && !(i + 1 < end && (classes[s[i + 1]] & C_LETTER)))
                    TELL(LETTERED);
                if (digits >= 2) {
                    Py_ssize_t next = skip_gap(s, i + 1, end, 3);
                    if (is_digit_at(s, next, end) && is_digit_at(s, skip_gap(s, next + 1, end, 3), end))
                        TELL(LETTERED);
                }
            }
            if (i > 0 && (classes[s[i - 1]] & C_LETTER)) {
                Py_ssize_t next = i + 1;
                if (next < end && (s[next] == ' ' || s[next] == '.' || s[next] == '-'))
                    next++;
                if (is_digit_at(s, next, end)) {
                    next++;
                    if (next < end && (s[next] == ' ' || s[next] == '.' || s[next] == '-'))
                        next++;
                    if (is_digit_at(s, next, end))
                        TELL(ACCOUNT);
                }
            }
            capitals = class & C_UPPER ? capitals + 1 : 0;
            if (capitals >= 6 && i + 2 < end && (classes[s[i + 1]] & (C_DIGIT | C_UPPER)) && (classes[s[i + 2]] & (C_DIGIT | C_UPPER)))
                TELL(LETTERED);
            digits = run = gap = 0;
            continue;
        }
        capitals = 0;
        if (class & C_ESCAPE && may_be_escape(s, i, end))
            return -1;
        switch (c) {
        case '@':
            TELL(AT_SIGN);
            break;
        case ':':
            colons++;
            break;
        case '?':
            TELL(QUESTION);
            break;
        }
        if (c == '.' && run && is_digit_at(s, i + 1, end)) {
            Py_ssize_t next = i + 1;
            int parts = 1;
            if (is_digit_at(s, i + 2, end) && is_digit_at(s, i + 3, end) && is_digit_at(s, i + 4, end))
                TELL(DECIMAL);
            while (parts < 3) {
                int size = 0;
                while (size < 3 && is_digit_at(s, next, end)) {
                    next++;
                    size++;
                }
                if (size == 0 || next >= end || s[next] != '.' || !is_digit_at(s, next + 1, end))
                    break;
                next++;
                parts++;
            }
            if (parts == 3)
                TELL(QUAD);
        }
        if (c == ':' || c == '-') {
            if (is_hex_at(s, i - 1, end) && is_hex_at(s, i - 2, end) && is_hex_at(s, i + 1, end) && is_hex_at(s, i + 2, end) && i + 3 < end &&
                (s[i + 3] == ':' || s[i + 3] == '-'))
                TELL(PAIRS);
        } else if (c == '.' && i + 5 < end && s[i + 5] == '.') {
            int hex = 1;
            for (int back = 1; back <= 4 && hex; back++)
                hex = is_hex_at(s, i - back, end) && is_hex_at(s, i + back, end);
            if (hex)
                TELL(PAIRS);
        }
        if ((c == '-' || c == '/' || c == '.') && i > 0) {
            /* `14. 3. 1980`, `1980-03-14`: a separator behind a digit, one or two digits, a separator, a digit */
            Py_ssize_t before = i - 1, next;
            if ((classes[s[before]] & C_SPACE) && before > 0)
                before--;
            if (classes[s[before]] & C_DIGIT) {
                next = skip_space(s, i + 1, end);
                if (is_digit_at(s, next, end)) {
                    next++;
                    for (int size = 0; size < 2; size++) {
                        Py_ssize_t after = skip_space(s, next, end);
                        if (after < end && (s[after] == '-' || s[after] == '/' || s[after] == '.') &&
                            is_digit_at(s, skip_space(s, after + 1, end), end))
                            TELL(DATED);
                        if (!is_digit_at(s, next, end))
                            break;
                        next++;
                    }
                }
            }
        }
        run = 0;
        if (!(class & C_GAP) || ++gap > 3)
            digits = gap = 0;
    }
    if (colons)
        TELL(COLON);
    if (colons > 1)
        TELL(COLONS);
    if (most_digits >= 4)
        TELL(DIGITS_4);
    if (most_digits >= 6)
        TELL(DIGITS_6);
    if (most_digits >= 9)
        TELL(DIGITS_9);
    if (most_digits >= 12)
        TELL(DIGITS_12);
    if (most_digits >= 14)
        TELL(DIGITS_14);
    return (int64_t)told;
}

PyDoc_STRVAR(signs_doc,
"signs(text) -> int\n\nWhich signs a text holds, a bit each; -1 where it may read as something else than is written.");

static PyObject *signs(PyObject *module, PyObject *text)
{
    (void)module;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "signs(text)");
        return NULL;
    }
    if (!PyUnicode_IS_ASCII(text))
        return PyLong_FromLong(-1);
    return PyLong_FromLongLong(signs_of(PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)));
}

/* -- words (ruleset/secrets.py) --------------------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    uint32_t *table; /* 1 + the number of a word; 0: free */
    uint32_t size, count, room; /* size is a power of two */
    struct Word {
        uint32_t hash, at, length;
    } *words;
    unsigned char *bytes;
    uint32_t used, held;
} Words;

static uint32_t hash_word(const unsigned char *s, Py_ssize_t length)
{
    uint32_t hash = 2166136261u;
    for (Py_ssize_t i = 0; i < length; i++)
        hash = (hash ^ s[i]) * 16777619u;
    return hash ^ (hash >> 15);
}

static int words_hold(const Words *self, const unsigned char *s, Py_ssize_t length, uint32_t hash)
{
    uint32_t slot, number;
    if (self->count == 0)
        return 0;
    for (slot = hash & (self->size - 1); (number = self->table[slot]) != 0; slot = (slot + 1) & (self->size - 1)) {
        const struct Word *word = &self->words[number - 1];
        if (word->hash == hash && word->length == (uint32_t)length && memcmp(self->bytes + word->at, s, (size_t)length) == 0)
            return 1;
    }
    return 0;
}

static int words_grow(Words *self)
{
    uint32_t size = self->size ? 2 * self->size : 1024;
    uint32_t *table = PyMem_Calloc(size, sizeof(uint32_t));
    struct Word *words = table != NULL ? PyMem_Realloc(self->words, size / 2 * sizeof(struct Word)) : NULL;
    if (words == NULL) {
        PyMem_Free(table);
        PyErr_NoMemory();
        return -1;
    }
    self->words = words;
    self->room = size / 2;
    for (uint32_t number = 0; number < self->count; number++) {
        uint32_t slot = words[number].hash & (size - 1);
        while (table[slot] != 0)
            slot = (slot + 1) & (size - 1);
        table[slot] = number + 1;
    }
    PyMem_Free(self->table);
    self->table = table;
    self->size = size;
    return 0;
}

static PyObject *words_add(Words *self, PyObject *text)
{
    const unsigned char *s;
    Py_ssize_t length;
    uint32_t hash, slot;
    if (!PyUnicode_Check(text) || !PyUnicode_IS_ASCII(text)) /* others are never looked for */
        Py_RETURN_NONE;
    s = PyUnicode_1BYTE_DATA(text);
    length = PyUnicode_GET_LENGTH(text);
    hash = hash_word(s, length);
    if (words_hold(self, s, length, hash))
        Py_RETURN_NONE;
    if (length > 4096 || self->used > UINT32_MAX / 4) /* what is left out is asked for again */
        Py_RETURN_NONE;
    if (self->count == self->room && words_grow(self) < 0)
        return NULL;
    if (self->used + (uint32_t)length > self->held) {
        uint32_t held = 2 * (self->used + (uint32_t)length) + 4096;
        unsigned char *bytes = PyMem_Realloc(self->bytes, held);
        if (bytes == NULL)
            return PyErr_NoMemory();
        self->bytes = bytes;
        self->held = held;
    }
    memcpy(self->bytes + self->used, s, (size_t)length);
    self->words[self->count] = (struct Word){hash, self->used, (uint32_t)length};
    self->used += (uint32_t)length;
    slot = hash & (self->size - 1);
    while (self->table[slot] != 0)
        slot = (slot + 1) & (self->size - 1);
    self->table[slot] = ++self->count;
    Py_RETURN_NONE;
}

static PyObject *words_clear(Words *self, PyObject *ignored)
{
    (void)ignored;
    if (self->table != NULL)
        memset(self->table, 0, self->size * sizeof(uint32_t));
    self->count = self->used = 0;
    Py_RETURN_NONE;
}

/* The words of a text that are not held; None where the text may read as something else than is written. */
static PyObject *words_missing(Words *self, PyObject *text)
{
    const unsigned char *s;
    Py_ssize_t end, at = 0;
    PyObject *missing;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "missing(text)");
        return NULL;
    }
    if (!PyUnicode_IS_ASCII(text))
        Py_RETURN_NONE;
    s = PyUnicode_1BYTE_DATA(text);
    end = PyUnicode_GET_LENGTH(text);
    missing = NULL;
    while (at < end) {
        Py_ssize_t start;
        while (at < end && !(classes[s[at]] & C_WORD)) {
            if (classes[s[at]] & C_ESCAPE) {
                Py_XDECREF(missing);
                Py_RETURN_NONE;
            }
            at++;
        }
        start = at;
        while (at < end && (classes[s[at]] & C_WORD))
            at++;
        if (at > start && !words_hold(self, s + start, at - start, hash_word(s + start, at - start))) {
            PyObject *word = PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, s + start, at - start);
            if (missing == NULL)
                missing = PyList_New(0);
            if (word == NULL || missing == NULL || PyList_Append(missing, word) < 0) {
                Py_XDECREF(word);
                Py_XDECREF(missing);
                return NULL;
            }
            Py_DECREF(word);
        }
    }
    return missing != NULL ? missing : PyTuple_New(0);
}

static Py_ssize_t words_length(Words *self)
{
    return (Py_ssize_t)self->count;
}

static int words_contain(Words *self, PyObject *text)
{
    if (!PyUnicode_Check(text) || !PyUnicode_IS_ASCII(text))
        return 0;
    return words_hold(self, PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text),
                      hash_word(PyUnicode_1BYTE_DATA(text), PyUnicode_GET_LENGTH(text)));
}

static void words_free(Words *self)
{
    PyMem_Free(self->table);
    PyMem_Free(self->words);
    PyMem_Free(self->bytes);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef words_methods[] = {
    {"add", (PyCFunction)words_add, METH_O, PyDoc_STR("Takes up a word, as written.")},
    {"clear", (PyCFunction)words_clear, METH_NOARGS, PyDoc_STR("Forgets all.")},
    {"missing", (PyCFunction)words_missing, METH_O, PyDoc_STR("The words of a text that are not held; None: it must be read first.")},
    {NULL, NULL, 0, NULL},
};

static PySequenceMethods words_sequence = {.sq_length = (lenfunc)words_length, .sq_contains = (objobjproc)words_contain};

static PyTypeObject words_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "gateway.native._native.Words",
    .tp_doc = PyDoc_STR("A set of words of ASCII, as written."),
    .tp_basicsize = sizeof(Words),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_dealloc = (destructor)words_free,
    .tp_methods = words_methods,
    .tp_as_sequence = &words_sequence,
};

/* -- many needles in one haystack (ruleset/secrets.py) ---------------------------------------------------------------------- */

PyDoc_STRVAR(standing_doc,
"standing(text, needles) -> list or None\n\n"
"Those of `needles` that stand in `text` in any case, in their order: each is lower case, of ASCII, three characters or more.\n"
"None where the text holds a letter whose lower case is ASCII though itself is not, or a needle is none.");

static PyObject *standing(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    /* needles are chained by a hash of their first three bytes; most places of the text meet an empty chain */
    enum { CHAINS = 1 << 14 };
    PyObject *needles, *found = NULL;
    unsigned char *s = NULL, *seen = NULL;
    Py_ssize_t end, size;
    int32_t *chains = NULL, *next = NULL;
    int kind;
    const void *data;
    (void)module;
    if (count != 2 || !PyUnicode_Check(args[0]) || !PyList_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "standing(text, needles)");
        return NULL;
    }
    needles = args[1];
    size = PyList_GET_SIZE(needles);
    if (size > INT32_MAX / 2)
        Py_RETURN_NONE;
    for (Py_ssize_t i = 0; i < size; i++) {
        PyObject *needle = PyList_GET_ITEM(needles, i);
        if (!PyUnicode_Check(needle) || !PyUnicode_IS_ASCII(needle) || PyUnicode_GET_LENGTH(needle) < 3)
            Py_RETURN_NONE;
    }
    kind = PyUnicode_KIND(args[0]);
    data = PyUnicode_DATA(args[0]);
    end = PyUnicode_GET_LENGTH(args[0]);
    s = PyMem_Malloc((size_t)end + 1);
    chains = PyMem_Malloc(CHAINS * sizeof(int32_t));
    next = PyMem_Malloc((size_t)(size + 1) * sizeof(int32_t));
    seen = PyMem_Calloc((size_t)size + 1, 1);
    found = PyList_New(0);
    if (s == NULL || chains == NULL || next == NULL || seen == NULL || found == NULL) {
        PyErr_NoMemory();
        goto fail;
    }
    for (Py_ssize_t i = 0; i < end; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c == 0x130 || c == 0x212a) { /* dotted I and the Kelvin sign: the two whose lower case holds ASCII */
            Py_SETREF(found, Py_NewRef(Py_None));
            goto done;
        }
        s[i] = (unsigned char)(c < 128 ? (c >= 'A' && c <= 'Z' ? c | 0x20 : c) : 0xff);
    }
#define CHAIN(p) ((((uint32_t)(p)[0] | (uint32_t)(p)[1] << 8 | (uint32_t)(p)[2] << 16) * 2654435761u) >> 18)
    memset(chains, 0xff, CHAINS * sizeof(int32_t));
    for (Py_ssize_t i = 0; i < size; i++) {
        uint32_t chain = CHAIN(PyUnicode_1BYTE_DATA(PyList_GET_ITEM(needles, i)));
        next[i] = chains[chain];
        chains[chain] = (int32_t)i;
    }
    for (Py_ssize_t at = 0; at + 3 <= end; at++) {
        for (int32_t i = chains[CHAIN(s + at)]; i >= 0; i = next[i]) {
            PyObject *needle = PyList_GET_ITEM(needles, i);
            Py_ssize_t length = PyUnicode_GET_LENGTH(needle);
            if (!seen[i] && length <= end - at && memcmp(PyUnicode_1BYTE_DATA(needle), s + at, (size_t)length) == 0)
                seen[i] = 1;
        }
    }
#undef CHAIN
    for (Py_ssize_t i = 0; i < size; i++)
        if (seen[i] && PyList_Append(found, PyList_GET_ITEM(needles, i)) < 0)
            goto fail;
    goto done;
fail:
    Py_CLEAR(found);
done:
    PyMem_Free(s);
    PyMem_Free(chains);
    PyMem_Free(next);
    PyMem_Free(seen);
    return found;
}

#include "_page.h"

/* -- the module ----------------------------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"setup_document", setup_document, METH_VARARGS, PyDoc_STR("Tells the classes of documents.")},
    {"read_json", (PyCFunction)(void (*)(void))read_json, METH_FASTCALL, read_json_doc},
    {"setup_signs", setup_signs, METH_O, setup_signs_doc},
    {"signs", signs, METH_O, signs_doc},
    {"standing", (PyCFunction)(void (*)(void))standing, METH_FASTCALL, standing_doc},
    {"setup_page", setup_page, METH_O, PyDoc_STR("Tells the classes and names of recorded pages.")},
    {"read_nodes", (PyCFunction)(void (*)(void))read_nodes, METH_FASTCALL, read_nodes_doc},
    {"read_increment", (PyCFunction)(void (*)(void))read_increment, METH_FASTCALL, read_increment_doc},
    {"mark_claims", (PyCFunction)(void (*)(void))mark_claims, METH_FASTCALL, mark_claims_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "gateway.native._native",
    .m_doc = "The compiled twin of a few hot functions.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void)
{
    PyObject *made;
    fill_tables();
    fill_classes();
    memset(literal_first, 0xff, sizeof literal_first);
    if (PyType_Ready(&words_type) < 0)
        return NULL;
    made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddObjectRef(made, "Words", (PyObject *)&words_type) < 0)
        Py_CLEAR(made);
    return made;
}
