/* Nodes of a document (core.document), seen from C. Nothing else in C knows how they are laid out.
 *
 *     IS_LEAF, IS_MAP, IS_LIST   of the very class
 *     NODE_START, NODE_END       where a node stands in its layer's source
 *     LEAF_VALUE                 a str, borrowed
 *     LEAF_KIND                  KIND_TEXT, KIND_NUMBER, KIND_WORD or KIND_BYTES
 *     LEAF_CHILD                 the layer that the leaf opened into, or Py_None; borrowed
 *     MAP_SIZE, MAP_KEY, MAP_VALUE, LIST_SIZE, LIST_ITEM   borrowed; a key is a leaf
 *     LAYER_ROOT                 a node, borrowed
 *     node_opened                the root of what a leaf opened into, through any number of layers; borrowed
 */

/* Where a class keeps one of its `__slots__`; the class is Python's own (gateway.core.document), so the object stays the
 * same for everybody who looks at it. */
static Py_ssize_t slot_of(PyObject *type, const char *name)
{
    PyObject *descriptor = PyObject_GetAttrString(type, name);
    Py_ssize_t offset = -1;
    if (descriptor == NULL)
        return -1;
    if (Py_IS_TYPE(descriptor, &PyMemberDescr_Type) && ((PyMemberDescrObject *)descriptor)->d_member->type == Py_T_OBJECT_EX)
        offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    Py_DECREF(descriptor);
    if (offset <= 0) {
        PyErr_Format(PyExc_TypeError, "%R keeps no slot %s", type, name);
        return -1;
    }
    return offset;
}

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

static struct {
    PyTypeObject *leaf, *map, *list, *layer;
    Py_ssize_t leaf_value, leaf_start, leaf_end, leaf_kind, leaf_data, leaf_child;
    Py_ssize_t map_items, map_start, map_end, map_dropped;
    Py_ssize_t list_items, list_start, list_end, list_dropped;
    Py_ssize_t layer_root;
    PyObject *text, *number, *word, *no_bytes, *scan, *too_deep;
} document;

enum { KIND_TEXT, KIND_NUMBER, KIND_WORD, KIND_BYTES };

#define IS_LEAF(object) Py_IS_TYPE(object, document.leaf)
#define IS_MAP(object) Py_IS_TYPE(object, document.map)
#define IS_LIST(object) Py_IS_TYPE(object, document.list)

#define LEAF_VALUE(leaf) SLOT(leaf, document.leaf_value)
#define LEAF_CHILD(leaf) SLOT(leaf, document.leaf_child)
#define MAP_ITEMS(map) SLOT(map, document.map_items)
#define MAP_SIZE(map) PyList_GET_SIZE(MAP_ITEMS(map))
#define MAP_KEY(map, at) PyTuple_GET_ITEM(PyList_GET_ITEM(MAP_ITEMS(map), at), 0)
#define MAP_VALUE(map, at) PyTuple_GET_ITEM(PyList_GET_ITEM(MAP_ITEMS(map), at), 1)
#define LIST_ITEMS(list) SLOT(list, document.list_items)
#define LIST_SIZE(list) PyList_GET_SIZE(LIST_ITEMS(list))
#define LIST_ITEM(list, at) PyList_GET_ITEM(LIST_ITEMS(list), at)
#define LAYER_ROOT(layer) SLOT(layer, document.layer_root)

static inline int leaf_kind(PyObject *leaf)
{
    PyObject *kind = SLOT(leaf, document.leaf_kind);
    return kind == document.text ? KIND_TEXT : kind == document.number ? KIND_NUMBER : kind == document.word ? KIND_WORD : KIND_BYTES;
}
#define LEAF_KIND(leaf) leaf_kind(leaf)

static inline Py_ssize_t node_place(PyObject *node, Py_ssize_t of_leaf, Py_ssize_t of_map, Py_ssize_t of_list)
{
    return PyLong_AsSsize_t(SLOT(node, IS_LEAF(node) ? of_leaf : IS_MAP(node) ? of_map : of_list));
}
#define NODE_START(node) node_place(node, document.leaf_start, document.map_start, document.list_start)
#define NODE_END(node) node_place(node, document.leaf_end, document.map_end, document.list_end)

static inline PyObject *node_opened(PyObject *node)
{
    while (IS_LEAF(node) && LEAF_CHILD(node) != Py_None)
        node = LAYER_ROOT(LEAF_CHILD(node));
    return node;
}

