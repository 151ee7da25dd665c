/* Included once for each width of a string's characters: CHAR is the type, NAME makes names of their own. */

static inline Py_ssize_t NAME(skip_spaces)(const CHAR *s, Py_ssize_t at, Py_ssize_t end)
{
    while (at < end && (s[at] == ' ' || s[at] == '\t' || s[at] == '\n' || s[at] == '\r'))
        at++;
    return at;
}

/* Where the number that starts at `at` ends; `at` itself where there is none. */
static Py_ssize_t NAME(number_end)(const CHAR *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t start = at, more;
#define DIGIT(i) ((i) < end && s[i] >= '0' && s[i] <= '9')
    if (at < end && s[at] == '-')
        at++;
    if (!DIGIT(at))
        return start;
    if (s[at] == '0')
        at++;
    else
        while (DIGIT(at))
            at++;
    if (at < end && s[at] == '.' && DIGIT(at + 1)) {
        at++;
        while (DIGIT(at))
            at++;
    }
    if (at < end && (s[at] == 'e' || s[at] == 'E')) {
        more = at + 1;
        if (more < end && (s[more] == '+' || s[more] == '-'))
            more++;
        if (DIGIT(more)) {
            while (DIGIT(more))
                more++;
            at = more;
        }
    }
#undef DIGIT
    return at;
}

static Py_ssize_t NAME(word_end)(const CHAR *s, Py_ssize_t at, Py_ssize_t end)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int which = 0; which < 3; which++) {
        const char *word = words[which];
        Py_ssize_t size = (Py_ssize_t)strlen(word), same = 0;
        if (size > end - at)
            continue;
        while (same < size && s[at + same] == (CHAR)word[same])
            same++;
        if (same == size)
            return at + size;
    }
    return at;
}

/* The text s[at:end]. Short ones that came before are not made again. */
static PyObject *NAME(text_of)(Reader *reader, const CHAR *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t size = end - at;
    if (size <= SHORT && size > 1) {
        uint32_t hash = 2166136261u;
        PyObject *known;
        for (Py_ssize_t i = at; i < end; i++)
            hash = (hash ^ (uint32_t)s[i]) * 16777619u;
        hash ^= hash >> 15;
        known = reader->recent[hash % REMEMBERED];
        if (known != NULL && PyUnicode_GET_LENGTH(known) == size) {
            int kind = PyUnicode_KIND(known);
            const void *data = PyUnicode_DATA(known);
            Py_ssize_t same = 0;
            while (same < size && PyUnicode_READ(kind, data, same) == s[at + same])
                same++;
            if (same == size)
                return Py_NewRef(known);
        }
        known = PyUnicode_FromKindAndData((int)sizeof(CHAR), s + at, size);
        if (known != NULL)
            Py_XSETREF(reader->recent[hash % REMEMBERED], Py_NewRef(known));
        return known;
    }
    return PyUnicode_FromKindAndData((int)sizeof(CHAR), s + at, size);
}

/* The string whose opening quotation mark is at `at`: its text, where its literal ends, and signs that it holds. NULL
 * without an exception where it is none. */
static PyObject *NAME(string)(Reader *reader, const CHAR *s, Py_ssize_t at, Py_ssize_t end, Py_ssize_t *stop, unsigned *signs)
{
    Py_ssize_t i = at + 1;
    unsigned seen = 0;
    PyObject *scanned, *text, *told;
    while (i < end) {
        unsigned sign = s[i] < 256 ? json_signs[s[i] & 255] : 0;
        if (sign & (SIGN_END | SIGN_ESCAPE | SIGN_CONTROL)) {
            if (sign & SIGN_END) {
                *stop = i + 1;
                *signs = seen;
                return NAME(text_of)(reader, s, at + 1, i);
            }
            if (sign & SIGN_CONTROL)
                return NULL;
            break;
        }
        seen |= sign;
        i++;
    }
    if (i >= end)
        return NULL;
    /* an escape: the standard library's scanner knows them all */
    told = PyLong_FromSsize_t(at + 1);
    if (told == NULL)
        return NULL;
    PyObject *arguments[] = {reader->source, told, Py_True};
    scanned = PyObject_Vectorcall(document.scan, arguments, 3, NULL);
    Py_DECREF(told);
    if (scanned == NULL) {
        if (PyErr_ExceptionMatches(PyExc_ValueError)) /* JSONDecodeError is one */
            PyErr_Clear();
        return NULL;
    }
    if (!PyTuple_Check(scanned) || PyTuple_GET_SIZE(scanned) != 2 || !PyUnicode_Check(PyTuple_GET_ITEM(scanned, 0))) {
        Py_DECREF(scanned);
        PyErr_SetString(PyExc_TypeError, "the scanner answers with a text and where it ends");
        return NULL;
    }
    text = Py_NewRef(PyTuple_GET_ITEM(scanned, 0));
    *stop = PyLong_AsSsize_t(PyTuple_GET_ITEM(scanned, 1));
    Py_DECREF(scanned);
    if (*stop < 0 && PyErr_Occurred()) {
        Py_DECREF(text);
        return NULL;
    }
    *signs = SIGN_BRACE; /* may hold anything */
    return text;
}

/* Whether the text s[at:end] may open into something: a superset. `signs` are those that it holds. */
static int NAME(is_candidate)(const CHAR *s, Py_ssize_t at, Py_ssize_t end, unsigned signs)
{
    Py_ssize_t i, size = end - at;
    CHAR first;
    if (signs & (SIGN_BRACE | SIGN_EQUALS))
        return 1;
    i = NAME(skip_spaces)(s, at, end);
    if (i < end && (s[i] == '[' || s[i] == '<' || s[i] == '"'))
        return 1;
    if (size == 0)
        return 0;
    first = s[at];
    if (first == '%' || first == '?')
        return 1;
    if (size >= 5 && first == 'h' && s[at + 1] == 't' && s[at + 2] == 't' && s[at + 3] == 'p' &&
        (s[at + 4] == '%' || (s[at + 4] == 's' && size >= 6 && s[at + 5] == '%')))
        return 1;
    if (size >= 2 && first >= 0x08 && first < 0x79 && (first & 0x0f) == 8 && s[at + 1] < 256 &&
        (((unsigned)first << 8) | (unsigned)s[at + 1]) % 31 == 0 && !(s[at + 1] & 0x20))
        return 1;
    if (size >= 2 && first == 0x1f)
        return 1;
    if (size >= 16) {
        for (i = at; i < at + 16 && is_base64_sign(s[i]); i++)
            ;
        if (i == at + 16)
            return 1;
    }
    return 0;
}

static PyObject *NAME(read_container)(Reader *reader, const CHAR *s, Py_ssize_t at, Py_ssize_t end)
{
    PyObject *key = NULL, *node = NULL, *items;
    int countdown = ITEMS_PER_CHECK, is_map = s[at] == '{';
    Open *open;

    if (s[at] != '{' && s[at] != '[')
        return NULL;
    node = PyObject_CallNoArgs(reader->check);
    if (node == NULL)
        return NULL;
    Py_CLEAR(node);
opens: /* a bracket at `at`, of a container of the kind `is_map` */
    items = PyList_New(0);
    if (items == NULL || reader_push(reader, items, at, is_map) < 0) {
        Py_XDECREF(items);
        Py_XDECREF(key);
        return NULL;
    }
    if (reader->opened > 1)
        reader->open[reader->opened - 2].key = key; /* the container's own, kept until it closes */
    else
        Py_XDECREF(key);
    key = NULL;
    at = NAME(skip_spaces)(s, at + 1, end);
    if (at < end && s[at] == (is_map ? '}' : ']'))
        goto closes;
    if (reader->opened > reader->depth) {
        node = PyObject_CallNoArgs(document.too_deep);
        Py_XDECREF(node);
        return NULL;
    }
    for (;;) { /* an item at `at` */
        Py_ssize_t stop = at;
        unsigned signs = 0;
        if (--countdown == 0) {
            countdown = ITEMS_PER_CHECK;
            node = PyObject_CallNoArgs(reader->check);
            if (node == NULL)
                return NULL;
            Py_CLEAR(node);
        }
        if (at >= end)
            return NULL;
        open = &reader->open[reader->opened - 1];
        if (open->is_map) {
            if (s[at] != '"')
                return NULL;
            key = NAME(string)(reader, s, at, end, &stop, &signs);
            if (key == NULL)
                return NULL;
            key = new_leaf(key, at, stop, document.text);
            if (key == NULL)
                return NULL;
            PyObject_GC_UnTrack(key);
            at = NAME(skip_spaces)(s, stop, end);
            if (at >= end || s[at] != ':')
                goto none;
            at = NAME(skip_spaces)(s, at + 1, end);
            if (at >= end)
                goto none;
        }
        if (s[at] == '"') {
            PyObject *text = NAME(string)(reader, s, at, end, &stop, &signs);
            if (text == NULL)
                goto none;
            node = new_leaf(text, at, stop, document.text);
            if (node == NULL)
                goto none;
            if (!NAME(is_candidate)(s, at + 1, stop - 1, signs))
                PyObject_GC_UnTrack(node);
            else if (PyList_Append(reader->candidates, node) < 0)
                goto none;
        } else if (s[at] == '{' || s[at] == '[') {
            is_map = s[at] == '{';
            goto opens;
        } else {
            PyObject *kind = document.number;
            PyObject *text;
            stop = NAME(number_end)(s, at, end);
            if (stop == at) {
                stop = NAME(word_end)(s, at, end);
                kind = document.word;
            }
            if (stop == at)
                goto none;
            text = NAME(text_of)(reader, s, at, stop);
            node = new_leaf(text, at, stop, kind);
            if (node == NULL)
                goto none;
            PyObject_GC_UnTrack(node);
        }
        at = stop;
    append: /* `node`, with its `key` in a map, ends at `at` */
        open = &reader->open[reader->opened - 1];
        if (open->is_map) {
            PyObject *pair = PyTuple_New(2);
            if (pair == NULL)
                goto none;
            PyTuple_SET_ITEM(pair, 0, key);
            PyTuple_SET_ITEM(pair, 1, node);
            if (PyObject_GC_IsTracked(node))
                open->is_tracked = 1;
            else
                PyObject_GC_UnTrack(pair);
            key = node = NULL;
            if (PyList_Append(open->items, pair) < 0) {
                Py_DECREF(pair);
                return NULL;
            }
            Py_DECREF(pair);
        } else {
            if (PyObject_GC_IsTracked(node))
                open->is_tracked = 1;
            if (PyList_Append(open->items, node) < 0)
                goto none;
            Py_CLEAR(node);
        }
        at = NAME(skip_spaces)(s, at, end);
        if (at >= end)
            return NULL;
        if (s[at] == ',') {
            at = NAME(skip_spaces)(s, at + 1, end);
            continue;
        }
    closes: /* what stands at `at` must close the container */
        open = &reader->open[reader->opened - 1];
        if (s[at] != (open->is_map ? '}' : ']'))
            return NULL;
        at++;
        if (!open->is_tracked)
            PyObject_GC_UnTrack(open->items);
        node = new_container(open->is_map, open->items, open->start, at);
        if (node != NULL && !open->is_tracked)
            PyObject_GC_UnTrack(node);
        reader->opened--;
        if (node == NULL)
            return NULL;
        if (reader->opened == 0) {
            PyObject *answer = Py_BuildValue("(NnO)", node, at, reader->candidates);
            return answer;
        }
        key = reader->open[reader->opened - 1].key;
        reader->open[reader->opened - 1].key = NULL;
        goto append;
    }
none:
    Py_XDECREF(key);
    Py_XDECREF(node);
    return NULL;
}
