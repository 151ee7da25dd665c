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

/* -- classes of characters --------------------------------------------------------------------------------------------------- */

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
static unsigned char key_signs[256]; /* what keys and tokens are made of */

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

#include "_texts.h"

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
    {"setup_signs", setup_signs, METH_VARARGS, setup_signs_doc},
    {"signs", signs, METH_O, signs_doc},
    {"signs_read", signs_read, METH_O, signs_read_doc},
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
    fill_texts();
    if (PyType_Ready(&words_type) < 0)
        return NULL;
    made = PyModule_Create(&module);
    if (made != NULL && PyModule_AddObjectRef(made, "Words", (PyObject *)&words_type) < 0)
        Py_CLEAR(made);
    return made;
}
