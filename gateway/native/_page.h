/* A recorded page (recording/rrweb.py, dom.py, lines.py): nodes into elements, places in lines and claims, and the marks of
 * elements. Whatever is not of the usual shape is handed to the Python, node by node, before anything was done with it. */

#define EACH_PAGE_OBJECT(X) \
    X(Element) X(Mirror) X(Claim) X(Lines) X(Part) X(Told) X(Selectors) X(UNKNOWN) X(FIELD_TAGS) X(VALUED) X(INLINE) X(NOTHING) \
    X(ATTRIBUTES) X(PLAIN) X(STYLE) X(STATE) X(BLOB) X(STRUCTURE) X(PAGE_TEXT) X(FORM_INPUTS) X(MEDIA) X(INPUT) X(is_plain)
#define EACH_PAGE_SLOT(X) \
    X(Element, _below) X(Element, _classes) X(Element, _matched) X(Element, attributes) X(Element, first_child) \
    X(Element, is_presumed) X(Element, last_child) X(Element, left) X(Element, mirror) X(Element, node_id) X(Element, parent) \
    X(Element, private) X(Element, right) X(Element, tag) X(Element, version) X(Element, was_password) \
    X(Mirror, elements) X(Mirror, texts) X(Mirror, documents) X(Mirror, passwords) X(Mirror, epoch) X(Mirror, shape) \
    X(Mirror, others) X(Mirror, room) X(Mirror, _by_name) \
    X(Claim, layer) X(Claim, leaf) X(Claim, category) X(Claim, place) X(Claim, element) X(Claim, holder) X(Claim, index) \
    X(Claim, form) X(Claim, key) X(Claim, marks) \
    X(Lines, _mirror) X(Lines, _top) X(Lines, _rows) X(Lines, _where) X(Lines, _told) X(Lines, _shown) X(Lines, _fresh) \
    X(Lines, _touched) \
    X(Selectors, _by_id) X(Selectors, _by_class) X(Selectors, _by_attribute) X(Selectors, _by_tag) X(Selectors, _of_all) \
    X(Selectors, _is_local) \
    X(Reader, mirror) X(Reader, lines) X(Reader, _emit) X(Reader, _names)
#define EACH_PAGE_NAME(X) \
    X(add) X(add_document) X(place) X(tell) X(child) X(children, "_children") X(lower) X(removeprefix) X(match) X(nodes_in_python) \
    X(inside, "_inside") X(tree, "_attribute_tree") X(textContent) X(attributes) X(class, "class") X(id) X(type) X(name) X(property) \
    X(contenteditable) X(attr__) X(attr_) X(data) X(source) X(adds) X(removes) X(texts) X(node) X(remove) X(flush) X(set_attribute) X(add_all, "_adds")

#define DEEPEST 512   /* dom._DEEPEST, and as many characters of an attribute are kept (dom._KEPT_VALUE) */
#define DEEPEST_INLINE 64 /* lines._DEEPEST */
#define CLAIMS_PER_CHECK 512
#define LONG_NUMBER 8 /* rrweb._LONG */
#define CHANGES (1 << 0 | 1 << 5) /* kinds of changes: a mutation, typed input; numbers about nodes (rrweb._HARMLESS) */
#define HARMLESS (1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 12 | 1 << 14 | 1 << 16)

static struct {
#define X(name) PyObject *name;
    EACH_PAGE_OBJECT(X)
#undef X
    PyObject *Reader, *zero, *no_text, *unknown_marks;
#define X(type, name) Py_ssize_t type##_##name;
    EACH_PAGE_SLOT(X)
#undef X
#define X(name, ...) PyObject *s_##name;
    EACH_PAGE_NAME(X)
#undef X
} page;

#define P(object, slot) SLOT(object, page.slot)
#define IS_A(object, type) Py_IS_TYPE(object, (PyTypeObject *)page.type)

static PyObject *setup_page(PyObject *module, PyObject *told)
{
    (void)module;
    if (!PyDict_Check(told)) {
        PyErr_SetString(PyExc_TypeError, "setup_page(names)");
        return NULL;
    }
#define X(name) \
    { \
        PyObject *one = PyDict_GetItemString(told, #name); \
        if (one == NULL) { \
            PyErr_SetString(PyExc_KeyError, #name); \
            return NULL; \
        } \
        Py_XSETREF(page.name, Py_NewRef(one)); \
    }
    EACH_PAGE_OBJECT(X)
    X(Reader)
#undef X
#define X(type, name) \
    if ((page.type##_##name = slot_of(page.type, #name)) < 0) \
        return NULL;
    EACH_PAGE_SLOT(X)
#undef X
#define X(name, ...) X_(name, ##__VA_ARGS__, #name)
#define X_(name, text, ...) \
    if (page.s_##name == NULL && (page.s_##name = PyUnicode_InternFromString(text)) == NULL) \
        return NULL;
    EACH_PAGE_NAME(X)
#undef X
#undef X_
    Py_XSETREF(page.zero, PyLong_FromLong(0));
    Py_XSETREF(page.no_text, PyUnicode_New(0, 0));
    Py_XSETREF(page.unknown_marks, PyTuple_Pack(2, Py_True, PyTuple_GET_ITEM(page.NOTHING, 1)));
    if (page.zero == NULL || page.no_text == NULL || page.unknown_marks == NULL)
        return NULL;
    Py_RETURN_NONE;
}

/* Takes over `value`. */
static inline void put(PyObject *object, Py_ssize_t slot, PyObject *value)
{
    PyObject *old = SLOT(object, slot);
    SLOT(object, slot) = value;
    Py_XDECREF(old);
}

static int count_up(PyObject *object, Py_ssize_t slot)
{
    long long before = PyLong_AsLongLong(SLOT(object, slot));
    PyObject *after = before == -1 && PyErr_Occurred() ? NULL : PyLong_FromLongLong(before + 1);
    if (after == NULL)
        return -1;
    put(object, slot, after);
    return 0;
}

/* -- places, claims -- */

static PyTypeObject *place_type;
static Py_ssize_t place_children;

/* place.child(key): a new reference. */
static PyObject *place_child(PyObject *place, PyObject *key)
{
    PyObject *found;
    if (Py_TYPE(place) != place_type) {
        Py_ssize_t offset = slot_of((PyObject *)Py_TYPE(place), "_children");
        if (offset < 0) {
            PyErr_Clear();
            return PyObject_CallMethodOneArg(place, page.s_child, key);
        }
        Py_XSETREF(place_type, (PyTypeObject *)Py_NewRef((PyObject *)Py_TYPE(place)));
        place_children = offset;
    }
    found = SLOT(place, place_children);
    if (found != NULL && PyDict_CheckExact(found)) {
        found = PyDict_GetItemWithError(found, key);
        if (found != NULL)
            return Py_NewRef(found);
        if (PyErr_Occurred())
            return NULL;
    }
    return PyObject_CallMethodOneArg(place, page.s_child, key);
}

/* A claim, with whatever of it the reader reads further; a new reference. All is borrowed. */
static PyObject *claim_of(PyObject *reader, PyObject *layer, PyObject *leaf, PyObject *category, PyObject *place, PyObject *element,
                          PyObject *form, PyObject *holder, Py_ssize_t index, PyObject *key)
{
    PyTypeObject *type = (PyTypeObject *)page.Claim;
    PyObject *number = PyLong_FromSsize_t(index), *emit = P(reader, Reader__emit), *list, *done;
    PyObject *claim = number != NULL ? type->tp_alloc(type, 0) : NULL;
    if (claim == NULL) {
        Py_XDECREF(number);
        return NULL;
    }
    P(claim, Claim_layer) = Py_NewRef(layer);
    P(claim, Claim_leaf) = Py_NewRef(leaf);
    P(claim, Claim_category) = Py_NewRef(category);
    P(claim, Claim_place) = Py_NewRef(place);
    P(claim, Claim_element) = Py_NewRef(element);
    P(claim, Claim_holder) = Py_NewRef(holder);
    P(claim, Claim_index) = number;
    P(claim, Claim_form) = Py_NewRef(form);
    P(claim, Claim_key) = Py_NewRef(key);
    P(claim, Claim_marks) = Py_NewRef(Py_None);
    PyObject_GC_UnTrack(claim); /* nothing that it refers to refers to a claim */
    list = PyCFunction_CheckExact(emit) ? PyCFunction_GET_SELF(emit) : NULL;
    if (list != NULL && PyList_CheckExact(list) && strcmp(((PyCFunctionObject *)emit)->m_ml->ml_name, "append") == 0) {
        if (PyList_Append(list, claim) < 0) {
            Py_DECREF(claim);
            return NULL;
        }
    } else {
        done = PyObject_CallOneArg(emit, claim);
        if (done == NULL) {
            Py_DECREF(claim);
            return NULL;
        }
        Py_DECREF(done);
    }
    if (LEAF_CHILD(leaf) != Py_None) {
        done = PyObject_CallMethodOneArg(reader, page.s_inside, claim);
        if (done == NULL) {
            Py_DECREF(claim);
            return NULL;
        }
        Py_DECREF(done);
    }
    return claim;
}

/* -- names -- */

enum { K_OTHER, K_ID, K_TYPE, K_NAME, K_TAG, K_PUBLIC, K_SYSTEM, K_ATTRIBUTES, K_CHILDREN, K_TEXT, K_KINDS };

static int is_text(PyObject *text, const char *other, Py_ssize_t size)
{
    return PyUnicode_GET_LENGTH(text) == size && PyUnicode_IS_ASCII(text) && memcmp(PyUnicode_1BYTE_DATA(text), other, (size_t)size) == 0;
}
#define IS_TEXT(text, literal) is_text(text, literal, (Py_ssize_t)sizeof(literal) - 1)

static int kind_of_key(PyObject *key)
{
    switch (PyUnicode_GET_LENGTH(key)) {
    case 2:
        return IS_TEXT(key, "id") ? K_ID : K_OTHER;
    case 4:
        return IS_TEXT(key, "type") ? K_TYPE : IS_TEXT(key, "name") ? K_NAME : K_OTHER;
    case 7:
        return IS_TEXT(key, "tagName") ? K_TAG : K_OTHER;
    case 8:
        return IS_TEXT(key, "publicId") ? K_PUBLIC : IS_TEXT(key, "systemId") ? K_SYSTEM : K_OTHER;
    case 10:
        return IS_TEXT(key, "childNodes") ? K_CHILDREN : IS_TEXT(key, "attributes") ? K_ATTRIBUTES : K_OTHER;
    case 11:
        return IS_TEXT(key, "textContent") ? K_TEXT : K_OTHER;
    default:
        return K_OTHER;
    }
}

/* Whether lower case is the text itself. */
static int is_low(PyObject *text)
{
    const unsigned char *s;
    if (!PyUnicode_IS_ASCII(text))
        return 0;
    s = PyUnicode_1BYTE_DATA(text);
    for (Py_ssize_t at = 0; at < PyUnicode_GET_LENGTH(text); at++)
        if (s[at] >= 'A' && s[at] <= 'Z')
            return 0;
    return 1;
}

/* A new reference. */
static PyObject *lowered(PyObject *text)
{
    return is_low(text) ? Py_NewRef(text) : PyObject_CallMethodNoArgs(text, page.s_lower);
}

/* The plain whole number of a leaf: 1, none: 0, left to Python: -1. */
static int plain_number(PyObject *leaf, long long *found)
{
    PyObject *text;
    const unsigned char *s;
    Py_ssize_t size, at = 0;
    long long value = 0;
    if (!IS_LEAF(leaf) || LEAF_CHILD(leaf) != Py_None || LEAF_KIND(leaf) != KIND_NUMBER)
        return -1;
    text = LEAF_VALUE(leaf);
    size = PyUnicode_GET_LENGTH(text);
    if (!PyUnicode_IS_ASCII(text) || size == 0 || size > 18)
        return -1;
    s = PyUnicode_1BYTE_DATA(text);
    if (s[0] == '-')
        at++;
    if (at == size)
        return -1;
    for (; at < size; at++) {
        if (s[at] < '0' || s[at] > '9')
            return -1;
        value = 10 * value + (s[at] - '0');
    }
    *found = s[0] == '-' ? -value : value;
    return 1;
}

/* -- elements -- */

/* `Element.is_field`: -1 on failure. */
static int is_field(PyObject *element)
{
    for (int depth = 0; depth < DEEPEST && element != Py_None; depth++) {
        PyObject *attributes = P(element, Element_attributes), *editable;
        int found = PySet_Contains(page.FIELD_TAGS, P(element, Element_tag));
        if (found)
            return found;
        if (PyDict_GET_SIZE(attributes)) {
            editable = PyDict_GetItemWithError(attributes, page.s_contenteditable);
            if (editable == NULL && PyErr_Occurred())
                return -1;
            if (editable != NULL) {
                PyObject *low = PyObject_CallMethodNoArgs(editable, page.s_lower);
                if (low == NULL)
                    return -1;
                found = !IS_TEXT(low, "false");
                Py_DECREF(low);
                if (found)
                    return 1;
            }
        }
        element = P(element, Element_parent);
    }
    return 0;
}

/* `Reader._element`, a new reference. `held` is a map or NULL; `parent` an element or None. */
static PyObject *element_of(PyObject *reader, PyObject *held, PyObject *tag, PyObject *parent, long long node_id)
{
    PyTypeObject *type = (PyTypeObject *)page.Element;
    PyObject *names = P(reader, Reader__names), *attributes = PyDict_New(), *element, *value, *low;
    int was_password = 0;
    if (attributes == NULL)
        return NULL;
    for (Py_ssize_t at = 0; held != NULL && at < MAP_SIZE(held); at++) {
        PyObject *name, *leaf = MAP_VALUE(held, at);
        int is_asked;
        if (!IS_LEAF(leaf))
            continue;
        name = lowered(LEAF_VALUE(MAP_KEY(held, at)));
        is_asked = name == NULL ? -1 : PyAnySet_Check(names) ? PySet_Contains(names, name) : PySequence_Contains(names, name);
        if (is_asked == 1) {
            value = LEAF_KIND(leaf) == KIND_TEXT ? LEAF_VALUE(leaf) : page.no_text;
            value = PyUnicode_GET_LENGTH(value) > DEEPEST ? PyUnicode_Substring(value, 0, DEEPEST) : Py_NewRef(value);
            if (value == NULL || PyDict_SetItem(attributes, name, value) < 0)
                is_asked = -1;
            Py_XDECREF(value);
        }
        Py_XDECREF(name);
        if (is_asked < 0)
            goto fail;
    }
    if (PyDict_GET_SIZE(attributes)) {
        value = PyDict_GetItemWithError(attributes, page.s_type);
        if (value == NULL && PyErr_Occurred())
            goto fail;
        if (value != NULL) {
            low = lowered(value);
            if (low == NULL)
                goto fail;
            was_password = IS_TEXT(low, "password");
            Py_DECREF(low);
        }
    }
    tag = lowered(tag);
    low = PyLong_FromLongLong(node_id);
    element = tag != NULL && low != NULL ? type->tp_alloc(type, 0) : NULL;
    if (element == NULL) {
        Py_XDECREF(tag);
        Py_XDECREF(low);
        goto fail;
    }
    P(element, Element_tag) = tag;
    P(element, Element_node_id) = low;
    P(element, Element_attributes) = attributes;
    P(element, Element_parent) = Py_NewRef(parent);
    P(element, Element_mirror) = Py_NewRef(P(reader, Reader_mirror));
    P(element, Element_private) = Py_NewRef(Py_False);
    P(element, Element_is_presumed) = Py_NewRef(Py_False);
    P(element, Element_was_password) = Py_NewRef(was_password ? Py_True : Py_False);
    P(element, Element_version) = Py_NewRef(page.zero);
    P(element, Element__classes) = Py_NewRef(Py_None);
    P(element, Element__matched) = Py_NewRef(Py_None);
    P(element, Element__below) = Py_NewRef(Py_None);
    P(element, Element_first_child) = Py_NewRef(Py_None);
    P(element, Element_last_child) = Py_NewRef(Py_None);
    P(element, Element_left) = Py_NewRef(Py_None);
    P(element, Element_right) = Py_NewRef(Py_None);
    return element;
fail:
    Py_DECREF(attributes);
    return NULL;
}

static long long room_left(PyObject *mirror)
{
    long long room = PyLong_AsLongLong(P(mirror, Mirror_room));
    return room - PyDict_GET_SIZE(P(mirror, Mirror_elements)) - PyDict_GET_SIZE(P(mirror, Mirror_texts)) -
           PyDict_GET_SIZE(P(mirror, Mirror_documents));
}

/* `Mirror.add`; takes over `element` and gives what stands there. `before` is a number or None. */
static PyObject *mirror_add(PyObject *mirror, PyObject *element, PyObject *before)
{
    PyObject *elements = P(mirror, Mirror_elements), *id = P(element, Element_node_id), *parent = P(element, Element_parent);
    PyObject *sibling = NULL, *name, *after;
    int known = PyDict_Contains(elements, id);
    if (known < 0)
        goto fail;
    if (known || room_left(mirror) <= 0) {
        PyObject *args[] = {mirror, element, before};
        PyObject *added = PyObject_VectorcallMethod(page.s_add, args, 3, NULL);
        Py_DECREF(element);
        return added;
    }
    if (count_up(mirror, page.Mirror_shape) < 0 || PyDict_SetItem(elements, id, element) < 0)
        goto fail;
    if (P(element, Element_was_password) == Py_True || PySet_GET_SIZE(P(mirror, Mirror_passwords))) {
        known = P(element, Element_was_password) == Py_True ? 1 : PySet_Contains(P(mirror, Mirror_passwords), id);
        if (known < 0)
            goto fail;
        if (known && (P(element, Element_was_password) == Py_True || IS_TEXT(P(element, Element_tag), "input"))) {
            put(element, page.Element_was_password, Py_NewRef(Py_True));
            if (PySet_Add(P(mirror, Mirror_passwords), id) < 0)
                goto fail;
        }
    }
    if (PyDict_GET_SIZE(P(element, Element_attributes))) {
        name = PyDict_GetItemWithError(P(element, Element_attributes), page.s_id);
        if (name == NULL ? PyErr_Occurred() != NULL : PyDict_SetItem(P(mirror, Mirror__by_name), name, id) < 0)
            goto fail;
    }
    if (parent == Py_None || parent == page.UNKNOWN)
        return element;
    if (before != Py_None) {
        sibling = PyDict_GetItemWithError(elements, before);
        if (sibling == NULL && PyErr_Occurred())
            goto fail;
        if (sibling != NULL && (P(sibling, Element_parent) != parent || sibling == element ||
                                (P(sibling, Element_left) == Py_None && P(parent, Element_first_child) != sibling)))
            sibling = NULL;
    }
    after = Py_NewRef(sibling != NULL ? P(sibling, Element_left) : P(parent, Element_last_child));
    put(element, page.Element_left, after); /* held by the element from here on */
    put(element, page.Element_right, Py_NewRef(sibling != NULL ? sibling : Py_None));
    if (after == Py_None)
        put(parent, page.Element_first_child, Py_NewRef(element));
    else
        put(after, page.Element_right, Py_NewRef(element));
    if (sibling == NULL)
        put(parent, page.Element_last_child, Py_NewRef(element));
    else
        put(sibling, page.Element_left, Py_NewRef(element));
    return element;
fail:
    Py_DECREF(element);
    return NULL;
}

/* -- lines -- */

/* `Lines.place`. All is borrowed; `parent` and `before` may be None. */
static int lines_place(PyObject *lines, PyObject *node, PyObject *parent, PyObject *before)
{
    PyObject *row, *rows, *where;
    int known;
    if (!IS_A(lines, Lines) || before != Py_None)
        goto python;
    where = P(lines, Lines__where);
    known = PyDict_Contains(where, node);
    if (known < 0)
        return -1;
    if (known)
        goto python;
    if (parent == Py_None)
        parent = P(lines, Lines__top);
    rows = P(lines, Lines__rows);
    row = PyDict_GetItemWithError(rows, parent);
    if (row == NULL) {
        if (PyErr_Occurred())
            return -1;
        row = PyList_New(0);
        if (row == NULL)
            return -1;
        for (PyObject *one = P(parent, Element_first_child); one != Py_None; one = P(one, Element_right))
            if (one != node && PyList_Append(row, one) < 0) {
                Py_DECREF(row);
                return -1;
            }
        known = PyDict_SetItem(rows, parent, row);
        Py_DECREF(row); /* the rows hold it */
        if (known < 0)
            return -1;
    }
    return PyDict_SetItem(where, node, row) < 0 || PyList_Append(row, node) < 0 ? -1 : 0;
python: {
    PyObject *args[] = {lines, node, parent, before};
    PyObject *done = PyObject_VectorcallMethod(page.s_place, args, 4, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
}

static int is_blank(PyObject *text)
{
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t at = 0; at < PyUnicode_GET_LENGTH(text); at++)
        if (!Py_UNICODE_ISSPACE(PyUnicode_READ(kind, data, at)))
            return 0;
    return 1;
}

/* A named tuple of these items, each borrowed. */
static PyObject *named_tuple(PyObject *type, PyObject *const *items, Py_ssize_t count)
{
    PyObject *made = ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, count);
    for (Py_ssize_t at = 0; made != NULL && at < count; at++)
        PyTuple_SET_ITEM(made, at, Py_NewRef(items[at]));
    if (made != NULL)
        PyObject_GC_UnTrack(made); /* as claims: nothing in it refers to it */
    return made;
}

/* `Lines.tell`. All is borrowed; `node_id` and `holder` may be None. */
static int lines_tell(PyObject *lines, PyObject *node_id, PyObject *claim, PyObject *holder)
{
    PyObject *leaf = P(claim, Claim_leaf), *block, *part, *told, *shown, *value;
    int known, fresh;
    if (!IS_A(lines, Lines) || node_id == Py_None)
        goto python;
    value = LEAF_VALUE(leaf);
    if (LEAF_KIND(leaf) != KIND_TEXT || LEAF_CHILD(leaf) != Py_None || PyUnicode_GET_LENGTH(value) == 0 || holder == page.UNKNOWN ||
        P(claim, Claim_category) != page.PAGE_TEXT || P(claim, Claim_form) != page.PLAIN)
        return 0;
    known = PyDict_Contains(P(lines, Lines__where), node_id);
    fresh = PySet_Contains(P(lines, Lines__fresh), node_id);
    if (known < 0 || fresh < 0)
        return -1;
    if (!known || fresh)
        goto python;
    block = holder = holder == Py_None ? P(lines, Lines__top) : holder;
    for (int depth = 0; depth < DEEPEST_INLINE; depth++) {
        known = PySet_Contains(page.INLINE, P(block, Element_tag));
        if (known < 0)
            return -1;
        if (!known || P(block, Element_parent) == page.UNKNOWN)
            break;
        block = P(block, Element_parent) == Py_None ? P(lines, Lines__top) : P(block, Element_parent);
    }
    part = named_tuple(page.Part, (PyObject *[]){claim, value}, 2);
    told = part != NULL ? named_tuple(page.Told, (PyObject *[]){part, holder, block}, 3) : NULL;
    Py_XDECREF(part);
    if (told == NULL)
        return -1;
    known = PyDict_SetItem(P(lines, Lines__told), node_id, told);
    Py_DECREF(told);
    if (known < 0)
        return -1;
    shown = PyDict_GetItemWithError(P(lines, Lines__shown), block);
    if (shown == NULL) {
        if (PyErr_Occurred())
            return -1;
        shown = PySet_New(NULL);
        if (shown == NULL)
            return -1;
        known = PyDict_SetItem(P(lines, Lines__shown), block, shown);
        Py_DECREF(shown);
        if (known < 0)
            return -1;
    }
    if (is_blank(value))
        return PySet_Discard(shown, node_id) < 0 ? -1 : 0;
    return PySet_Add(shown, node_id) < 0 || PySet_Add(P(lines, Lines__fresh), node_id) < 0 ||
                   PyDict_SetItem(P(lines, Lines__touched), block, Py_None) < 0
               ? -1
               : 0;
python: {
    PyObject *args[] = {lines, node_id, claim, holder};
    PyObject *done = PyObject_VectorcallMethod(page.s_tell, args, 4, NULL);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}
}

/* -- texts and attributes -- */

/* `Reader.text`, a new reference. */
static PyObject *text_claim(PyObject *reader, PyObject *layer, PyObject *leaf, PyObject *element, PyObject *place, PyObject *holder,
                            Py_ssize_t index)
{
    PyObject *category = page.PAGE_TEXT, *form = page.PLAIN;
    if (element != Py_None) {
        if (IS_TEXT(P(element, Element_tag), "style")) {
            form = page.STYLE;
        } else {
            int field = is_field(element);
            if (field < 0)
                return NULL;
            if (field)
                category = page.FORM_INPUTS;
        }
    }
    return claim_of(reader, layer, leaf, category, place, element, form, holder, index, page.no_text);
}

enum { A_STYLE = 1, A_BLOB, A_STATE, A_VALUE, A_STRUCTURE, A_CONTENT }; /* rrweb._ATTRIBUTES */

static PyObject *last_of(PyObject *map, PyObject *name)
{
    for (Py_ssize_t at = MAP_SIZE(map) - 1; at >= 0; at--)
        if (PyUnicode_Compare(LEAF_VALUE(MAP_KEY(map, at)), name) == 0)
            return node_opened(MAP_VALUE(map, at));
    return NULL;
}

/* `Reader.attributes` of an element; no chain. All is borrowed; `element` may be None. */
static int attributes_of(PyObject *reader, PyObject *layer, PyObject *held, PyObject *element, PyObject *place)
{
    PyObject *tag = element == Py_None ? page.no_text : P(element, Element_tag);
    for (Py_ssize_t at = 0; at < MAP_SIZE(held); at++) {
        PyObject *key = LEAF_VALUE(MAP_KEY(held, at)), *leaf = MAP_VALUE(held, at), *kind, *name, *where, *done;
        PyObject *category = page.PAGE_TEXT, *form = page.PLAIN;
        long is = 0;
        kind = PyDict_GetItemWithError(page.ATTRIBUTES, key);
        if (kind == NULL && PyErr_Occurred())
            return -1;
        if (kind != NULL || (is_low(key) && !(PyUnicode_GET_LENGTH(key) > 4 && memcmp(PyUnicode_1BYTE_DATA(key), "attr_", 5) == 0))) {
            name = Py_NewRef(key);
        } else {
            PyObject *low = PyObject_CallMethodNoArgs(key, page.s_lower), *cut;
            cut = low != NULL ? PyObject_CallMethodOneArg(low, page.s_removeprefix, page.s_attr__) : NULL;
            name = cut != NULL ? PyObject_CallMethodOneArg(cut, page.s_removeprefix, page.s_attr_) : NULL;
            Py_XDECREF(low);
            Py_XDECREF(cut);
            if (name == NULL)
                return -1;
            kind = PyDict_GetItemWithError(page.ATTRIBUTES, name);
            if (kind == NULL && PyErr_Occurred()) {
                Py_DECREF(name);
                return -1;
            }
        }
        where = place_child(place, key);
        if (where == NULL) {
            Py_DECREF(name);
            return -1;
        }
        if (!IS_LEAF(leaf)) {
            PyObject *args[] = {reader, layer, leaf, where, element, name};
            done = PyObject_VectorcallMethod(page.s_tree, args, 6, NULL);
            goto next;
        }
        is = kind != NULL ? PyLong_AsLong(kind) : 0;
        if (is == A_STYLE) {
            form = page.STYLE;
        } else if (is == A_BLOB) {
            category = page.MEDIA;
            form = page.BLOB;
        } else if (is == A_STATE) {
            category = page.FORM_INPUTS;
            form = page.STATE;
        } else if (is == A_VALUE) {
            int valued = element == page.UNKNOWN ? 1 : PySet_Contains(page.VALUED, tag);
            if (valued == 0)
                valued = PyUnicode_FindChar(tag, '-', 0, PyUnicode_GET_LENGTH(tag), 1) >= 0;
            if (valued < 0) {
                done = NULL;
                goto next;
            }
            if (valued)
                category = page.FORM_INPUTS;
        } else if (is == A_STRUCTURE) {
            form = page.STRUCTURE;
        } else if (is == A_CONTENT && IS_TEXT(tag, "meta")) {
            PyObject *named = last_of(held, page.s_name);
            if (named == NULL)
                named = last_of(held, page.s_property);
            if (named != NULL && IS_LEAF(named)) {
                Py_SETREF(where, place_child(place, LEAF_VALUE(named)));
                if (where == NULL) {
                    done = NULL;
                    goto next;
                }
            }
        }
        done = claim_of(reader, layer, leaf, category, where, element, form, held, at, name);
    next:
        Py_DECREF(name);
        Py_XDECREF(where);
        if (done == NULL)
            return -1;
        Py_DECREF(done);
    }
    return 0;
}

/* -- nodes -- */

typedef struct {
    PyObject *layer, *node, *holder, *before;
} Pending;

typedef struct {
    Pending *rows;
    Py_ssize_t count, room;
} Stack;

static int push(Stack *stack, PyObject *layer, PyObject *node, PyObject *holder, PyObject *before)
{
    if (stack->count == stack->room) {
        Py_ssize_t room = stack->room ? 2 * stack->room : 64;
        Pending *more = PyMem_Realloc(stack->rows, (size_t)room * sizeof(Pending));
        if (more == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        stack->rows = more;
        stack->room = room;
    }
    stack->rows[stack->count++] = (Pending){Py_NewRef(layer), Py_NewRef(node), Py_NewRef(holder), Py_NewRef(before)};
    return 0;
}

static void drop_row(Pending *row)
{
    Py_DECREF(row->layer);
    Py_DECREF(row->node);
    Py_DECREF(row->holder);
    Py_DECREF(row->before);
}

/* The layer and node that a node opened into, both borrowed (`rrweb.enter`). */
static void enter_node(PyObject **layer, PyObject **node)
{
    while (IS_LEAF(*node) && LEAF_CHILD(*node) != Py_None) {
        *layer = LEAF_CHILD(*node);
        *node = LAYER_ROOT(*layer);
    }
}

/* One node: 1 done, 0 left to Python, -1 failed. What is below it is pushed. */
static int one_node(PyObject *reader, Stack *stack, PyObject *at, PyObject *node, PyObject *holder, PyObject *before, PyObject *place)
{
    PyObject *parts[K_KINDS] = {NULL}, *element = Py_NewRef(holder), *mirror = P(reader, Reader_mirror), *lines = P(reader, Reader_lines);
    PyObject *id = NULL, *where, *claim;
    long long node_id = 0, type = -1;
    int done = -1;
    for (Py_ssize_t index = 0; index < MAP_SIZE(node); index++) {
        PyObject *value = MAP_VALUE(node, index), *inner = at;
        int kind = kind_of_key(LEAF_VALUE(MAP_KEY(node, index)));
        if (kind != K_OTHER) {
            if (parts[kind] != NULL)
                goto python;
            parts[kind] = value;
        }
        if (kind == K_CHILDREN || kind == K_ATTRIBUTES) {
            enter_node(&inner, &value);
            if (kind == K_CHILDREN ? !IS_LIST(value) : !IS_MAP(value))
                goto python;
        } else if (!IS_LEAF(value)) {
            goto python;
        }
    }
    if (parts[K_ID] != NULL && plain_number(parts[K_ID], &node_id) < 0)
        goto python;
    if (parts[K_TYPE] != NULL && plain_number(parts[K_TYPE], &type) < 0)
        goto python;
    if (parts[K_TAG] != NULL && (LEAF_CHILD(parts[K_TAG]) != Py_None || LEAF_KIND(parts[K_TAG]) != KIND_TEXT))
        goto python;
    if (parts[K_TYPE] == NULL)
        type = -1;
    id = parts[K_ID] != NULL ? PyLong_FromLongLong(node_id) : Py_NewRef(Py_None);
    if (id == NULL)
        goto end;
    if (parts[K_TAG] != NULL) {
        PyObject *held = parts[K_ATTRIBUTES] != NULL ? node_opened(parts[K_ATTRIBUTES]) : NULL;
        Py_SETREF(element, element_of(reader, held, LEAF_VALUE(parts[K_TAG]), holder, node_id));
        if (element != NULL && node_id != 0)
            element = mirror_add(mirror, element, before);
        if (element == NULL || lines_place(lines, element, holder, before) < 0)
            goto end;
    } else if (id != Py_None) {
        if (type == 0) {
            PyObject *args[] = {mirror, id, holder};
            PyObject *told = PyObject_VectorcallMethod(page.s_add_document, args, 3, NULL);
            if (told == NULL)
                goto end;
            Py_DECREF(told);
        } else if (holder != Py_None) {
            int known = PyDict_Contains(P(mirror, Mirror_texts), id);
            if (known < 0)
                goto end;
            if ((known || room_left(mirror) > 0) &&
                (PyDict_SetItem(P(mirror, Mirror_texts), id, holder) < 0 || count_up(mirror, page.Mirror_others) < 0))
                goto end;
            if (type != 5 && lines_place(lines, id, holder, before) < 0)
                goto end;
        }
    }
    for (Py_ssize_t index = 0; index < MAP_SIZE(node); index++) {
        PyObject *key = LEAF_VALUE(MAP_KEY(node, index)), *value = MAP_VALUE(node, index), *inner = at, *child = value;
        int kind = kind_of_key(key);
        switch (kind) {
        case K_CHILDREN:
            enter_node(&inner, &child);
            for (Py_ssize_t one = LIST_SIZE(child) - 1; one >= 0; one--)
                if (push(stack, inner, LIST_ITEM(child, one), element, Py_None) < 0)
                    goto end;
            break;
        case K_ATTRIBUTES: {
            int failed;
            enter_node(&inner, &child);
            where = place_child(place, page.s_attributes);
            failed = where == NULL || attributes_of(reader, inner, child, element, where) < 0;
            Py_XDECREF(where);
            if (failed)
                goto end;
            break;
        }
        case K_TEXT:
            where = place_child(place, key);
            claim = where != NULL ? text_claim(reader, at, value, element, where, node, index) : NULL;
            Py_XDECREF(where);
            if (claim == NULL)
                goto end;
            if (parts[K_TAG] == NULL && type != 5 && lines_tell(lines, id, claim, holder) < 0) {
                Py_DECREF(claim);
                goto end;
            }
            Py_DECREF(claim);
            break;
        case K_TAG:
        case K_PUBLIC:
        case K_SYSTEM:
        case K_NAME:
            break;
        default:
            if (LEAF_KIND(value) != KIND_TEXT)
                break;
            where = place_child(place, key);
            claim = where != NULL ? claim_of(reader, at, value, page.PAGE_TEXT, where, element, page.STRUCTURE, Py_None, 0, page.no_text)
                                  : NULL;
            Py_XDECREF(where);
            if (claim == NULL)
                goto end;
            Py_DECREF(claim);
        }
    }
    done = 1;
    goto end;
python:
    done = 0;
end:
    Py_XDECREF(element);
    Py_XDECREF(id);
    return done;
}

/* `Reader.nodes`. All is borrowed. */
static int nodes_below(PyObject *reader, PyObject *layer, PyObject *top, PyObject *parent, PyObject *place, PyObject *before)
{
    Stack stack = {0};
    int done = push(&stack, layer, top, parent, before);
    while (done >= 0 && stack.count) {
        Pending row = stack.rows[--stack.count];
        PyObject *at = row.layer, *node = row.node;
        enter_node(&at, &node);
        done = IS_MAP(node) ? one_node(reader, &stack, at, node, row.holder, row.before, place) : 0;
        if (done == 0) {
            PyObject *args[] = {reader, row.layer, row.node, row.holder, place, row.before};
            PyObject *told = PyObject_VectorcallMethod(page.s_nodes_in_python, args, 6, NULL);
            done = told == NULL ? -1 : 1;
            Py_XDECREF(told);
        }
        drop_row(&row);
    }
    while (stack.count)
        drop_row(&stack.rows[--stack.count]);
    PyMem_Free(stack.rows);
    return done;
}

static int is_page(PyObject *const *args, Py_ssize_t count, Py_ssize_t wanted, const char *usage)
{
    if (page.Reader == NULL || count != wanted || !PyObject_TypeCheck(args[0], (PyTypeObject *)page.Reader) ||
        !IS_A(P(args[0], Reader_mirror), Mirror)) {
        PyErr_SetString(PyExc_TypeError, usage);
        return 0;
    }
    return 1;
}

PyDoc_STRVAR(read_nodes_doc,
"read_nodes(reader, layer, top, parent, place, before)\n\nAs `recording.rrweb.Reader.nodes`.");

static PyObject *read_nodes(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    (void)module;
    if (!is_page(args, count, 6, "read_nodes(reader, layer, top, parent, place, before)"))
        return NULL;
    if (args[3] != Py_None && !IS_A(args[3], Element)) {
        PyErr_SetString(PyExc_TypeError, "a parent is an element");
        return NULL;
    }
    if (nodes_below(args[0], args[1], args[2], args[3], args[4], args[5]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* -- increments -- */

/* Whether a key is plainly a name (core.words.PLAIN_KEY): -1 on failure. */
static int is_plain_key(PyObject *key)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(key), at = 0;
    PyObject *found;
    int plain;
    if (PyUnicode_IS_ASCII(key) && size > 0 && size < 30) {
        const unsigned char *s = PyUnicode_1BYTE_DATA(key);
        while (at < size && ((classes[s[at]] & C_LETTER) || s[at] == '_'))
            at++;
        if (at == size)
            return 1;
    }
    found = PyObject_CallOneArg(page.is_plain, key);
    if (found == NULL)
        return -1;
    plain = found != Py_None;
    Py_DECREF(found);
    return plain;
}

/* `Reader._strays`. All is borrowed; `element` may be None. */
static int strays_of(PyObject *reader, PyObject *layer, PyObject *node, PyObject *place, PyObject *element)
{
    Stack stack = {0};
    int done = push(&stack, layer, node, Py_None, page.zero);
    while (done >= 0 && stack.count) {
        Pending row = stack.rows[--stack.count];
        PyObject *at = row.layer, *one = row.node, *claim = Py_None;
        enter_node(&at, &one);
        if (IS_LEAF(one)) {
            int kind = LEAF_KIND(one);
            if (kind == KIND_NUMBER && PyUnicode_GET_LENGTH(LEAF_VALUE(one)) >= LONG_NUMBER)
                claim = claim_of(reader, at, one, page.PAGE_TEXT, place, Py_None, page.PLAIN, Py_None, 0, page.no_text);
            else if (kind == KIND_TEXT || kind == KIND_BYTES)
                claim = claim_of(reader, at, one, page.PAGE_TEXT, place, element, page.PLAIN, at == row.layer ? row.holder : Py_None,
                                 PyLong_AsSsize_t(row.before), page.no_text);
            if (claim == NULL)
                done = -1;
            else if (claim != Py_None)
                Py_DECREF(claim);
        } else {
            int is_map = IS_MAP(one);
            for (Py_ssize_t index = (is_map ? MAP_SIZE(one) : LIST_SIZE(one)) - 1; done >= 0 && index >= 0; index--) {
                PyObject *position = PyLong_FromSsize_t(index);
                done = position == NULL ? -1 : push(&stack, at, is_map ? MAP_VALUE(one, index) : LIST_ITEM(one, index), one, position);
                Py_XDECREF(position);
                if (done >= 0 && is_map && LEAF_KIND(MAP_KEY(one, index)) == KIND_TEXT) {
                    int plain = is_plain_key(LEAF_VALUE(MAP_KEY(one, index)));
                    done = plain < 0 ? -1 : plain ? 0 : push(&stack, at, MAP_KEY(one, index), Py_None, page.zero);
                }
            }
        }
        drop_row(&row);
    }
    while (stack.count)
        drop_row(&stack.rows[--stack.count]);
    PyMem_Free(stack.rows);
    return done;
}

/* `Reader._input`, where nothing in it has parts: 1 done, 0 left to Python, -1 failed. */
static int input_of(PyObject *reader, PyObject *layer, PyObject *data, PyObject *place, PyObject *element)
{
    for (Py_ssize_t at = 0; at < MAP_SIZE(data); at++)
        if (!IS_LEAF(MAP_VALUE(data, at)))
            return 0;
    for (Py_ssize_t at = 0; at < MAP_SIZE(data); at++) {
        PyObject *key = LEAF_VALUE(MAP_KEY(data, at)), *leaf = MAP_VALUE(data, at), *where, *claim;
        if (LEAF_KIND(leaf) != KIND_TEXT && (IS_TEXT(key, "source") || IS_TEXT(key, "id") || IS_TEXT(key, "userTriggered")))
            continue;
        where = place_child(place, key);
        claim = where == NULL ? NULL
                              : claim_of(reader, layer, leaf, page.FORM_INPUTS, where, element,
                                         IS_TEXT(key, "text") ? page.INPUT : page.STATE, data, at, key);
        Py_XDECREF(where);
        if (claim == NULL)
            return -1;
        Py_DECREF(claim);
    }
    return 1;
}

/* A record of a mutation: where its parts are. */
typedef struct {
    PyObject *id, *parent, *next, *held; /* leaves; an attributes' or node's map */
} Record;

enum { R_REMOVE, R_CHANGE, R_ADD, R_TEXT };

/* Whether a record is of the usual shape. */
static int read_record(PyObject *record, int what, Record *found)
{
    long long number;
    *found = (Record){NULL, NULL, NULL, NULL};
    if (!IS_MAP(record))
        return 0;
    for (Py_ssize_t at = 0; at < MAP_SIZE(record); at++) {
        PyObject *key = LEAF_VALUE(MAP_KEY(record, at)), *value = MAP_VALUE(record, at), **slot;
        if (IS_TEXT(key, "id") && what != R_ADD) {
            slot = &found->id;
        } else if (IS_TEXT(key, "parentId") && (what == R_REMOVE || what == R_ADD)) {
            slot = &found->parent;
        } else if (what == R_ADD && IS_TEXT(key, "nextId")) {
            slot = &found->next;
        } else if (what == R_ADD && IS_TEXT(key, "previousId")) {
            if (!IS_LEAF(value) || LEAF_CHILD(value) != Py_None || (LEAF_KIND(value) != KIND_NUMBER && LEAF_KIND(value) != KIND_WORD))
                return 0;
            continue;
        } else if ((what == R_ADD && IS_TEXT(key, "node")) || (what == R_CHANGE && IS_TEXT(key, "attributes"))) {
            if (found->held != NULL || !IS_MAP(value))
                return 0;
            found->held = value;
            continue;
        } else if (what == R_TEXT && IS_TEXT(key, "value")) {
            if (found->held != NULL || !IS_LEAF(value))
                return 0;
            found->held = value;
            continue;
        } else {
            return 0;
        }
        if (*slot != NULL || !IS_LEAF(value) || LEAF_CHILD(value) != Py_None)
            return 0;
        if (LEAF_KIND(value) != KIND_WORD ? plain_number(value, &number) < 0 : slot == &found->id)
            return 0;
        *slot = value;
    }
    if (what == R_ADD)
        return found->held != NULL && found->parent != NULL && LEAF_KIND(found->parent) == KIND_NUMBER &&
               (found->id = last_of(found->held, page.s_id)) != NULL && plain_number(found->id, &number) > 0;
    return found->id != NULL && (what == R_REMOVE || found->held != NULL);
}

/* The number in a leaf that `read_record` looked at; None of another one. A new reference. */
static PyObject *number_in(PyObject *leaf)
{
    long long number = 0;
    return leaf != NULL && plain_number(leaf, &number) > 0 ? PyLong_FromLongLong(number) : Py_NewRef(Py_None);
}

/* What is known under a number, else `otherwise`: borrowed, NULL on failure. */
static PyObject *known_as(PyObject *known, PyObject *leaf, PyObject *otherwise)
{
    PyObject *id = number_in(leaf), *found = id != NULL ? PyDict_GetItemWithError(known, id) : NULL;
    Py_XDECREF(id);
    return found != NULL || PyErr_Occurred() ? found : otherwise;
}

/* `Reader._change` of an element that is known. */
static int change_of(PyObject *reader, PyObject *element, PyObject *held)
{
    PyObject *names = P(reader, Reader__names);
    for (Py_ssize_t at = 0; element != page.UNKNOWN && at < MAP_SIZE(held); at++) {
        PyObject *leaf = MAP_VALUE(held, at), *name = lowered(LEAF_VALUE(MAP_KEY(held, at)));
        int is_asked = name == NULL ? -1 : PyAnySet_Check(names) ? PySet_Contains(names, name) : PySequence_Contains(names, name);
        if (is_asked == 1 && IS_LEAF(leaf)) {
            PyObject *text = LEAF_VALUE(leaf), *done;
            int kind = LEAF_KIND(leaf);
            PyObject *value = kind == KIND_TEXT ? text
                              : kind == KIND_WORD && (IS_TEXT(text, "null") || IS_TEXT(text, "false")) ? Py_None
                                                                                                       : page.no_text;
            PyObject *args[] = {element, name, value};
            done = PyObject_VectorcallMethod(page.s_set_attribute, args, 3, NULL);
            if (done == NULL)
                is_asked = -1;
            Py_XDECREF(done);
        }
        Py_XDECREF(name);
        if (is_asked < 0)
            return -1;
    }
    return 0;
}

static int tell_number(PyObject *object, PyObject *method, PyObject *number)
{
    PyObject *done = PyObject_CallMethodOneArg(object, method, number);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Whether no added node has to wait for its parent, which comes later in the list: -1 on failure. */
static int none_waits(PyObject *adds, PyObject *elements)
{
    PyObject *coming = PySet_New(NULL);
    int fine = coming == NULL ? -1 : 1;
    for (Py_ssize_t at = LIST_SIZE(adds) - 1; fine > 0 && at >= 0; at--) {
        Record record;
        PyObject *id, *parent;
        int waits = 0;
        if (!read_record(LIST_ITEM(adds, at), R_ADD, &record))
            fine = 0;
        if (fine != 1)
            break;
        id = number_in(record.id);
        parent = number_in(record.parent);
        if (id == NULL || parent == NULL)
            waits = -1;
        else if (PySet_GET_SIZE(coming) && (waits = PySet_Contains(coming, parent)) == 1)
            waits = PyDict_Contains(elements, parent) == 0;
        if (waits < 0 || (id != NULL && PySet_Add(coming, id) < 0) || PyErr_Occurred())
            fine = -1;
        else if (waits)
            fine = 0;
        Py_XDECREF(id);
        Py_XDECREF(parent);
    }
    Py_XDECREF(coming);
    return fine;
}

/* `Reader._mutation`, where all in it is of the usual shape: 1 done, 0 left to Python, -1 failed. */
static int mutation_of(PyObject *reader, PyObject *layer, PyObject *data, PyObject *place)
{
    PyObject *lists[4] = {NULL}, *mirror = P(reader, Reader_mirror), *lines = P(reader, Reader_lines);
    PyObject *where = NULL, *deeper = NULL;
    Record record;
    int done = -1;
    for (Py_ssize_t at = 0; at < MAP_SIZE(data); at++) {
        PyObject *key = LEAF_VALUE(MAP_KEY(data, at)), *value = MAP_VALUE(data, at);
        int what;
        if (IS_TEXT(key, "source"))
            continue;
        what = IS_TEXT(key, "removes") ? R_REMOVE : IS_TEXT(key, "attributes") ? R_CHANGE : IS_TEXT(key, "adds") ? R_ADD
               : IS_TEXT(key, "texts") ? R_TEXT : -1;
        if (what < 0 || lists[what] != NULL || !IS_LIST(value))
            return 0;
        lists[what] = value;
        for (Py_ssize_t one = 0; one < LIST_SIZE(value); one++)
            if (!read_record(LIST_ITEM(value, one), what, &record))
                return 0;
    }
    if (count_up(mirror, page.Mirror_shape) < 0)
        return -1;
#define EACH_RECORD(what) \
    for (Py_ssize_t one = 0; lists[what] != NULL && one < LIST_SIZE(lists[what]); one++) \
        if (read_record(LIST_ITEM(lists[what], one), what, &record))
    EACH_RECORD(R_REMOVE) {
        PyObject *id = number_in(record.id);
        int failed = id == NULL || tell_number(mirror, page.s_remove, id) < 0 || tell_number(lines, page.s_remove, id) < 0;
        Py_XDECREF(id);
        if (failed)
            return -1;
    }
    EACH_RECORD(R_CHANGE) {
        PyObject *element = known_as(P(mirror, Mirror_elements), record.id, page.UNKNOWN);
        if (element == NULL || change_of(reader, element, record.held) < 0)
            return -1;
    }
    if (lists[R_ADD] != NULL && LIST_SIZE(lists[R_ADD])) {
        int fine = none_waits(lists[R_ADD], P(mirror, Mirror_elements));
        if (fine < 0 || (where = place_child(place, page.s_adds)) == NULL)
            goto end;
        if (fine) {
            if ((deeper = place_child(where, page.s_node)) == NULL)
                goto end;
            EACH_RECORD(R_ADD) {
                PyObject *holder = known_as(P(mirror, Mirror_elements), record.parent, Py_None), *next;
                int failed;
                if (holder == Py_None)
                    holder = known_as(P(mirror, Mirror_documents), record.parent, page.UNKNOWN);
                next = holder != NULL ? number_in(record.next) : NULL;
                failed = next == NULL || nodes_below(reader, layer, record.held, holder, deeper, next) < 0;
                Py_XDECREF(next);
                if (failed)
                    goto end;
            }
        } else {
            PyObject *args[] = {reader, layer, data, where};
            PyObject *told = PyObject_VectorcallMethod(page.s_add_all, args, 4, NULL);
            if (told == NULL)
                goto end;
            Py_DECREF(told);
        }
    }
    if (lists[R_CHANGE] != NULL && LIST_SIZE(lists[R_CHANGE])) {
        Py_XSETREF(where, place_child(place, page.s_attributes));
        if (where == NULL)
            goto end;
        Py_XSETREF(deeper, place_child(where, page.s_attributes));
        if (deeper == NULL)
            goto end;
        EACH_RECORD(R_CHANGE) {
            PyObject *element = known_as(P(mirror, Mirror_elements), record.id, page.UNKNOWN);
            int failed;
            if (element == NULL)
                goto end;
            Py_INCREF(element);
            failed = change_of(reader, element, record.held) < 0 || attributes_of(reader, layer, record.held, element, deeper) < 0;
            Py_DECREF(element);
            if (failed)
                goto end;
        }
    }
    if (lists[R_TEXT] != NULL && LIST_SIZE(lists[R_TEXT])) {
        Py_XSETREF(where, place_child(place, page.s_texts));
        if (where == NULL)
            goto end;
        EACH_RECORD(R_TEXT) {
            PyObject *texts = LIST_ITEM(lists[R_TEXT], one), *holder = known_as(P(mirror, Mirror_texts), record.id, page.UNKNOWN);
            PyObject *id = holder != NULL ? number_in(record.id) : NULL, *claim = NULL;
            Py_ssize_t index = 0;
            int failed = 1;
            while (index < MAP_SIZE(texts) && MAP_VALUE(texts, index) != record.held)
                index++;
            if (id != NULL && index < MAP_SIZE(texts)) {
                Py_INCREF(holder);
                Py_XSETREF(deeper, place_child(where, LEAF_VALUE(MAP_KEY(texts, index))));
                if (deeper != NULL)
                    claim = text_claim(reader, layer, record.held, holder, deeper, texts, index);
                failed = claim == NULL || lines_tell(lines, id, claim, holder) < 0;
                Py_DECREF(holder);
            }
            Py_XDECREF(claim);
            Py_XDECREF(id);
            if (failed)
                goto end;
        }
    }
#undef EACH_RECORD
    done = 1;
end:
    Py_XDECREF(where);
    Py_XDECREF(deeper);
    return done;
}

PyDoc_STRVAR(read_increment_doc,
"read_increment(reader, layer, event, place) -> bool\n\n"
"As `recording.rrweb.Reader.read` of one change of a page; False where it is none of the usual shape: nothing was done.");

static PyObject *read_increment(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *event, *data = NULL, *type = NULL, *stamp = NULL, *layer, *place, *leaf, *element, *lines, *reader;
    long long number = 0;
    int done = 0;
    (void)module;
    if (!is_page(args, count, 4, "read_increment(reader, layer, event, place)"))
        return NULL;
    reader = args[0];
    layer = args[1];
    event = args[2];
    if (!IS_MAP(event))
        Py_RETURN_FALSE;
    for (Py_ssize_t at = 0; at < MAP_SIZE(event); at++) {
        PyObject *key = LEAF_VALUE(MAP_KEY(event, at)), *value = MAP_VALUE(event, at);
        PyObject **slot = IS_TEXT(key, "type") ? &type : IS_TEXT(key, "timestamp") ? &stamp : IS_TEXT(key, "data") ? &data : NULL;
        if (slot == NULL || *slot != NULL)
            Py_RETURN_FALSE;
        *slot = value;
    }
    if (type == NULL || data == NULL || plain_number(type, &number) < 0 || number != 3 ||
        (stamp != NULL && (!IS_LEAF(stamp) || LEAF_KIND(stamp) != KIND_NUMBER)))
        Py_RETURN_FALSE;
    enter_node(&layer, &data);
    leaf = IS_MAP(data) ? last_of(data, page.s_source) : NULL;
    if (leaf == NULL || plain_number(leaf, &number) < 0 || number < 0 || number > 16 || !((1 << number) & (CHANGES | HARMLESS)))
        Py_RETURN_FALSE;
    place = place_child(args[3], page.s_data);
    if (place == NULL)
        return NULL;
    if (number == 0) {
        done = mutation_of(reader, layer, data, place);
    } else {
        PyObject *mirror = P(reader, Reader_mirror);
        long long id;
        element = number == 5 ? page.UNKNOWN : Py_None;
        leaf = last_of(data, page.s_id);
        if (leaf != NULL && plain_number(leaf, &id) < 0)
            goto end;
        if (leaf != NULL && (element = known_as(P(mirror, Mirror_elements), leaf, page.UNKNOWN)) == NULL)
            done = -1;
        else if (number == 5)
            done = input_of(reader, layer, data, place, element);
        else
            done = strays_of(reader, layer, data, place, element) < 0 ? -1 : 1;
    }
    lines = P(reader, Reader_lines);
    if (done > 0 && (!IS_A(lines, Lines) || PyDict_GET_SIZE(P(lines, Lines__touched)) || PySet_GET_SIZE(P(lines, Lines__fresh)))) {
        PyObject *told = PyObject_CallMethodNoArgs(lines, page.s_flush);
        Py_XDECREF(told);
        if (told == NULL)
            done = -1;
    }
end:
    Py_DECREF(place);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

/* -- marks of elements (dom.Selectors.match_lineage) -- */

static struct {
    PyObject *of;           /* the classes that selectors ask for: {class: tests} */
    uint64_t lengths[256];  /* by first byte: the lengths of those that begin with it */
} class_signs;

static int learn_classes(PyObject *by_class)
{
    PyObject *name, *tests;
    Py_ssize_t at = 0;
    if (class_signs.of == by_class)
        return 0;
    memset(class_signs.lengths, 0, sizeof class_signs.lengths);
    while (PyDict_Next(by_class, &at, &name, &tests)) {
        Py_ssize_t size = PyUnicode_GET_LENGTH(name);
        if (size && PyUnicode_IS_ASCII(name))
            class_signs.lengths[PyUnicode_1BYTE_DATA(name)[0]] |= (uint64_t)1 << (size < 63 ? size : 63);
    }
    Py_XSETREF(class_signs.of, Py_NewRef(by_class));
    return 0;
}

/* Whether no selector can hold for an element itself: 1; may hold: 0; failed: -1. */
static int holds_none(PyObject *selectors, PyObject *element)
{
    PyObject *tag = P(element, Element_tag), *attributes = P(element, Element_attributes), *name, *value;
    Py_ssize_t at = 0;
    int found;
    if (PyList_GET_SIZE(P(selectors, Selectors__of_all)) || !is_low(tag))
        return 0;
    if (PyDict_GET_SIZE(P(selectors, Selectors__by_tag)) && (found = PyDict_Contains(P(selectors, Selectors__by_tag), tag)) != 0)
        return found < 0 ? -1 : 0;
    while (PyDict_Next(attributes, &at, &name, &value)) {
        found = PyDict_Contains(P(selectors, Selectors__by_attribute), name);
        if (found)
            return found < 0 ? -1 : 0;
        if (IS_TEXT(name, "class")) {
            const unsigned char *s;
            Py_ssize_t end = PyUnicode_GET_LENGTH(value), start, next = 0;
            if (!PyUnicode_IS_ASCII(value))
                return 0;
            s = PyUnicode_1BYTE_DATA(value);
            while (next < end) {
                while (next < end && (classes[s[next]] & C_SPACE))
                    next++;
                start = next;
                while (next < end && !(classes[s[next]] & C_SPACE))
                    next++;
                if (next > start && class_signs.lengths[s[start]] >> (next - start < 63 ? next - start : 63) & 1) {
                    PyObject *word = PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, s + start, next - start);
                    found = word == NULL ? -1 : PyDict_Contains(class_signs.of, word);
                    Py_XDECREF(word);
                    if (found)
                        return found < 0 ? -1 : 0;
                }
            }
        } else if (IS_TEXT(name, "id") && PyDict_GET_SIZE(P(selectors, Selectors__by_id))) {
            found = PyDict_Contains(P(selectors, Selectors__by_id), value);
            if (found)
                return found < 0 ? -1 : 0;
        }
    }
    return 1;
}

/* What changes of its page make an element's memo void; None of no page. A new reference. */
static PyObject *stamp_of(PyObject *selectors, PyObject *mirror)
{
    if (P(selectors, Selectors__is_local) == Py_True)
        return Py_NewRef(P(mirror, Mirror_epoch));
    return PyNumber_Add(P(mirror, Mirror_shape), P(mirror, Mirror_epoch));
}

/* The memo of an element, where it holds: borrowed, NULL where it does not. */
static PyObject *memo_of(PyObject *selectors, PyObject *element, PyObject *mirror, PyObject *stamp)
{
    PyObject *memo = P(element, Element__below), *of;
    int same;
    if (memo == Py_None || P(element, Element_mirror) != mirror || !PyTuple_Check(memo) || PyTuple_GET_SIZE(memo) != 4)
        return NULL;
    of = PyTuple_GET_ITEM(memo, 1);
    same = of == stamp || (PyLong_Check(of) && PyObject_RichCompareBool(of, stamp, Py_EQ) == 1);
    return PyTuple_GET_ITEM(memo, 0) == selectors && same ? memo : NULL;
}

/* `match_lineage` of an element of a page, as a new reference; Py_NotImplemented where Python is to find it. */
static PyObject *marks_in(PyObject *selectors, PyObject *element, PyObject *mirror, PyObject *stamp)
{
    PyObject *way[DEEPEST], *memo = NULL, *result, *one = element;
    long long height = 0;
    int count = 0;
    while (one != Py_None && (memo = memo_of(selectors, one, mirror, stamp)) == NULL) {
        if (count == DEEPEST || (one != page.UNKNOWN && P(one, Element_mirror) != mirror))
            return Py_NewRef(Py_NotImplemented);
        way[count++] = one;
        one = P(one, Element_parent);
    }
    if (memo != NULL) {
        height = PyLong_AsLongLong(PyTuple_GET_ITEM(memo, 3));
        if (height < 0 || height + count > DEEPEST)
            return PyErr_Occurred() ? NULL : Py_NewRef(Py_NotImplemented);
        result = Py_NewRef(PyTuple_GET_ITEM(memo, 2));
        if (count == 0)
            return result;
    } else {
        result = Py_NewRef(page.NOTHING);
    }
    for (int at = count - 1; at >= 0; at--) {
        int none = holds_none(selectors, way[at]);
        if (none != 1) { /* some selector may hold: it is asked by Python */
            Py_DECREF(result);
            return none < 0 ? NULL : Py_NewRef(Py_NotImplemented);
        }
        if (P(way[at], Element_private) == Py_True && PyTuple_GET_ITEM(result, 0) != Py_True) {
            Py_SETREF(result, PyTuple_Pack(2, Py_True, PyTuple_GET_ITEM(result, 1)));
            if (result == NULL)
                return NULL;
        }
    }
    one = PyLong_FromLongLong(height + count);
    memo = one != NULL ? PyTuple_Pack(4, selectors, stamp, result, one) : NULL;
    Py_XDECREF(one);
    if (memo == NULL) {
        Py_DECREF(result);
        return NULL;
    }
    PyObject_GC_UnTrack(memo);
    put(element, page.Element__below, memo);
    return result;
}

PyDoc_STRVAR(mark_claims_doc,
"mark_claims(claims, first, marks_of, check)\n\n"
"Sets `marks` of the claims from `first` on that belong to an element; `marks_of` is some `Selectors.match_lineage`.");

static PyObject *mark_claims(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    PyObject *claims, *selectors, *mirror = NULL, *stamp = NULL, *done;
    Py_ssize_t first;
    int unknown_has_no_rule = 0;
    (void)module;
    if (page.Reader == NULL || count != 4 || !PyList_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "mark_claims(claims, first, marks_of, check)");
        return NULL;
    }
    claims = args[0];
    first = PyLong_AsSsize_t(args[1]);
    if (first < 0)
        return PyErr_Occurred() ? NULL : PyErr_Format(PyExc_ValueError, "no claim before the first");
    selectors = PyMethod_Check(args[2]) && IS_A(PyMethod_GET_SELF(args[2]), Selectors) ? PyMethod_GET_SELF(args[2]) : NULL;
    if (selectors != NULL) {
        if (learn_classes(P(selectors, Selectors__by_class)) < 0 || (unknown_has_no_rule = holds_none(selectors, page.UNKNOWN)) < 0)
            return NULL;
    }
    for (Py_ssize_t at = first; at < PyList_GET_SIZE(claims); at++) {
        PyObject *claim = PyList_GET_ITEM(claims, at), *element, *marks = Py_NotImplemented;
        if (at % CLAIMS_PER_CHECK == 0) {
            done = PyObject_CallNoArgs(args[3]);
            if (done == NULL)
                goto fail;
            Py_DECREF(done);
        }
        if (!IS_A(claim, Claim) || (element = P(claim, Claim_element)) == Py_None)
            continue;
        Py_INCREF(claim);
        if (selectors != NULL && IS_A(element, Element) && P(element, Element_mirror) != Py_None) {
            if (P(element, Element_mirror) != mirror || stamp == NULL) {
                mirror = P(element, Element_mirror);
                Py_XSETREF(stamp, stamp_of(selectors, mirror));
                if (stamp == NULL) {
                    Py_DECREF(claim);
                    goto fail;
                }
            }
            marks = marks_in(selectors, element, mirror, stamp);
        } else if (selectors != NULL && element == page.UNKNOWN && unknown_has_no_rule) {
            marks = Py_NewRef(page.unknown_marks);
        } else {
            Py_INCREF(marks);
        }
        if (marks == Py_NotImplemented) {
            Py_SETREF(marks, PyObject_CallOneArg(args[2], element));
            Py_CLEAR(stamp); /* what was asked may have told the page something */
        }
        if (marks == NULL) {
            Py_DECREF(claim);
            goto fail;
        }
        put(claim, page.Claim_marks, marks);
        Py_DECREF(claim);
    }
    Py_XDECREF(stamp);
    Py_RETURN_NONE;
fail:
    Py_XDECREF(stamp);
    return NULL;
}
