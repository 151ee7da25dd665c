/* Signs of a text (core.signs, detectors): what it holds that a detector, or the search for URLs, cannot do without.
 *
 * A sign that is not told is not there; one that is told may still be nothing: it is the detector that decides. Each form below
 * is as close to the detector's own as pays; whoever widens a detector widens its sign here (tests/native compares them).
 * Texts are read as bytes: ASCII as it is, a letter of another script as OTHER_LETTER, another sign as OTHER_SIGN. */

#define OTHER_LETTER 0x80
#define OTHER_SIGN 0x81
#define C_OTHER 128
#define C_ALNUM (C_DIGIT | C_LETTER | C_OTHER) /* as [^\W_] */

/* Order and names are those of core.signs.Shape. */
enum {
    URL, CARD, ACCOUNT, SSN, NINE, ID, DIGITS_6, LETTERED, IMEI, DIGITS_14, BIRTH, DATED, PLACE, DECIMAL, PHONE, IPV6, QUAD, MAC, EMAIL,
    LITERALS
};
#define LITERALS_END 62
#define BIT(sign) ((uint64_t)1 << (sign))

/* -- what `setup_signs` was told ------------------------------------------------------------------------------------------- */

#define MOST_LITERALS 256
#define LONGEST_LITERAL 31
#define TAIL_NAMED (-1)  /* behind the literal: the rest of a name, and a sign that assigns */
#define TAIL_SPACED (-2) /* what parts a word from its value */

typedef struct {
    unsigned char size, folded, bit;
    short tail; /* or how many signs of keys follow at least */
    char text[LONGEST_LITERAL + 1];
} Literal;

static Literal literals[MOST_LITERALS];
static int literal_count;
static short literal_first[128]; /* by first character: where its literals begin in literal_order, -1 for none */
static short literal_order[MOST_LITERALS + 128 + MOST_LITERALS];
static uint64_t literal_second[128][4]; /* by first character: which may be the second */

#define PHRASES 4096 /* slots; a phrase whose hash meets another one's makes a sign wider, and no more */
static struct {
    uint64_t hash, bits;
} phrases[PHRASES];
static unsigned char account_length[26 * 26]; /* of an IBAN by its country; 0: none */

#define MOST_BRANDS 64
static struct {
    char low[8], high[8];
    unsigned char size;
    uint32_t lengths;
} brands[MOST_BRANDS];
static int brand_count;

static void fill_texts(void)
{
    for (const char *c = "._+/=-"; *c; c++)
        key_signs[(unsigned char)*c] = 1;
    for (int c = 0; c < 128; c++)
        key_signs[c] |= (classes[c] & C_WORD) != 0;
    classes[OTHER_LETTER] = C_OTHER;
    memset(literal_first, 0xff, sizeof literal_first);
}

#define HASH_BEGIN 14695981039346656037u
#define HASH_ADD(hash, c) (((hash) ^ (unsigned char)(c)) * 1099511628211u)

static uint64_t phrase_bits(uint64_t hash)
{
    for (size_t at = (hash ^ hash >> 32) & (PHRASES - 1); phrases[at].bits; at = (at + 1) & (PHRASES - 1))
        if (phrases[at].hash == hash)
            return phrases[at].bits;
    return 0;
}

static int add_literals(PyObject *rows)
{
    Py_ssize_t count = PyList_GET_SIZE(rows);
    int at = 0;
    literal_count = 0;
    if (count > MOST_LITERALS) {
        PyErr_SetString(PyExc_ValueError, "too many literals");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *text;
        Py_ssize_t size;
        int folded, bit, tail;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(rows, i), "y#pii", &text, &size, &folded, &bit, &tail))
            return -1;
        if (size < 2 || size > LONGEST_LITERAL || bit < 0 || bit > LITERALS_END || (text[0] & 0x80) || tail < TAIL_SPACED || tail > 255) {
            PyErr_Format(PyExc_ValueError, "no literal that can be looked for: %.31s", text);
            return -1;
        }
        literals[literal_count] =
            (Literal){.size = (unsigned char)size, .folded = (unsigned char)folded, .bit = (unsigned char)bit, .tail = (short)tail};
        for (Py_ssize_t j = 0; j < size; j++)
            literals[literal_count].text[j] = (char)(folded ? lower((unsigned char)text[j]) : text[j]);
        literal_count++;
    }
    memset(literal_second, 0, sizeof literal_second);
    for (int first = 0; first < 128; first++) {
        int start = at;
        for (int i = 0; i < literal_count; i++) {
            unsigned char second = (unsigned char)literals[i].text[1];
            if ((literals[i].folded ? lower(first) : first) != (unsigned char)literals[i].text[0])
                continue;
            literal_order[at++] = (short)i; /* a literal is in two chains at most: there is room */
            literal_second[first][second >> 6] |= BIT(second & 63);
            if (literals[i].folded && second >= 'a' && second <= 'z')
                literal_second[first][(second ^ 0x20) >> 6] |= BIT((second ^ 0x20) & 63);
        }
        literal_first[first] = (short)(at > start ? start : -1);
        if (at > start)
            literal_order[at++] = -1;
    }
    return 0;
}

static int add_phrases(PyObject *rows)
{
    Py_ssize_t count = PyList_GET_SIZE(rows);
    memset(phrases, 0, sizeof phrases);
    if (count > PHRASES / 2) {
        PyErr_SetString(PyExc_ValueError, "too many phrases");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *text;
        Py_ssize_t size;
        int bit;
        uint64_t hash = HASH_BEGIN;
        size_t at;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(rows, i), "y#i", &text, &size, &bit))
            return -1;
        if (bit < 0 || bit > LITERALS_END) {
            PyErr_SetString(PyExc_ValueError, "no bit of a phrase");
            return -1;
        }
        for (Py_ssize_t j = 0; j < size; j++)
            hash = HASH_ADD(hash, text[size - 1 - j]); /* from its end, as it is looked for */
        at = (hash ^ hash >> 32) & (PHRASES - 1);
        while (phrases[at].bits && phrases[at].hash != hash)
            at = (at + 1) & (PHRASES - 1);
        phrases[at].hash = hash;
        phrases[at].bits |= BIT(bit);
    }
    return 0;
}

static int add_accounts(PyObject *rows)
{
    Py_ssize_t count = PyList_GET_SIZE(rows);
    memset(account_length, 0, sizeof account_length);
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *country;
        Py_ssize_t size;
        int length;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(rows, i), "y#i", &country, &size, &length))
            return -1;
        if (size != 2 || country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[1] > 'Z' || length < 5 || length > 40) {
            PyErr_SetString(PyExc_ValueError, "no country of accounts");
            return -1;
        }
        account_length[(country[0] - 'A') * 26 + country[1] - 'A'] = (unsigned char)length;
    }
    return 0;
}

static int add_brands(PyObject *rows)
{
    Py_ssize_t count = PyList_GET_SIZE(rows);
    brand_count = 0;
    if (count > MOST_BRANDS) {
        PyErr_SetString(PyExc_ValueError, "too many brands");
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        const char *low, *high;
        Py_ssize_t size, other;
        int lengths;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(rows, i), "y#y#i", &low, &size, &high, &other, &lengths))
            return -1;
        if (size != other || size < 1 || size > 8) {
            PyErr_SetString(PyExc_ValueError, "no range of a brand");
            return -1;
        }
        memcpy(brands[brand_count].low, low, (size_t)size);
        memcpy(brands[brand_count].high, high, (size_t)size);
        brands[brand_count].size = (unsigned char)size;
        brands[brand_count].lengths = (uint32_t)lengths;
        brand_count++;
    }
    return 0;
}

PyDoc_STRVAR(setup_signs_doc,
"setup_signs(literals, phrases, accounts, brands)\n\n"
"Lists: of literals as (bytes, whether case counts for nothing, bit, tail), of phrases that name a number as (their letters,\n"
"bit), of IBANs as (country, length), of cards as (first digits, to, lengths as bits).");

static PyObject *setup_signs(PyObject *module, PyObject *args)
{
    PyObject *told, *named, *banks, *issuers;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!O!O!", &PyList_Type, &told, &PyList_Type, &named, &PyList_Type, &banks, &PyList_Type, &issuers))
        return NULL;
    if (add_literals(told) < 0 || add_phrases(named) < 0 || add_accounts(banks) < 0 || add_brands(issuers) < 0)
        return NULL;
    Py_RETURN_NONE;
}

/* -- looks ------------------------------------------------------------------------------------------------------------------- */

static inline int is_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, unsigned class)
{
    return at >= 0 && at < end && (classes[s[at]] & class) != 0;
}

static inline int is_digit_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    return at < end && (classes[s[at]] & C_DIGIT);
}

static inline int is_word_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end) /* as \w */
{
    return at >= 0 && at < end && ((classes[s[at]] & C_ALNUM) || s[at] == '_');
}

static inline int is_sign_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, const char *signs)
{
    return at >= 0 && at < end && s[at] && strchr(signs, s[at]) != NULL;
}

static inline Py_ssize_t skip_gap(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, int most)
{
    while (most-- > 0 && at < end && (classes[s[at]] & C_GAP))
        at++;
    return at;
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

static int has_tail(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, int tail)
{
    Py_ssize_t until;
    if (tail == TAIL_SPACED)
        return is_sign_at(s, at, end, " \t:+\"'");
    if (tail == TAIL_NAMED) {
        for (until = at + 64; at < until && (is_word_at(s, at, end) || is_sign_at(s, at, end, "-"));)
            at++;
        for (until = at + 8; at < until && is_sign_at(s, at, end, "\\");)
            at++;
        if (is_sign_at(s, at, end, "\"'`"))
            at++;
        for (until = at + 3; at < until && is_sign_at(s, at, end, " \t");)
            at++;
        return is_sign_at(s, at, end, "=:");
    }
    if (end - at < tail)
        return 0;
    for (until = at + tail; at < until; at++)
        if (!key_signs[s[at]])
            return 0;
    return 1;
}

static uint64_t literals_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    uint64_t found = 0;
    for (short next = literal_first[s[at]]; literal_order[next] >= 0; next++) {
        const Literal *literal = &literals[literal_order[next]];
        int same = 1;
        if (end - at < literal->size)
            continue;
        while (same < literal->size && (literal->folded ? lower(s[at + same]) : s[at + same]) == (unsigned char)literal->text[same])
            same++;
        if (same == literal->size && (literal->tail == 0 || has_tail(s, at + same, end, literal->tail)))
            found |= BIT(literal->bit);
    }
    return found;
}

/* detectors.beside: which vocabularies have a phrase right before `start`, in its letters, with three words between at most. */
static uint64_t words_beside(const unsigned char *s, Py_ssize_t start, uint64_t wanted)
{
    enum { NEAR = 48, BETWEEN = 3, JOINED = 5 };
    struct {
        Py_ssize_t from, to;
    } parts[NEAR]; /* letters that stand together, from right to left; of `steuerId` two */
    unsigned char begins[NEAR]; /* whether a word begins with the part */
    int count = 0;
    Py_ssize_t low = start > NEAR ? start - NEAR : 0, at = start;
    uint64_t found = 0;
    if (start < 2)
        return 0;
    for (int back = 1; back <= 2; back++)
        if ((classes[s[start - back]] & C_DIGIT) || s[start - back] == ';' || s[start - back] == '|')
            return 0;
    while (at > low && !(classes[s[at - 1]] & C_DIGIT) && s[at - 1] != ';' && s[at - 1] != '|') {
        unsigned class = classes[s[at - 1]];
        if (class & C_OTHER)
            return wanted; /* a word of letters that are not told apart here */
        if (!(class & C_LETTER)) {
            at--;
            continue;
        }
        parts[count].to = at;
        while (at > low && (classes[s[at - 1]] & C_LETTER)) {
            at--;
            if (at > low && (classes[s[at]] & C_UPPER) && (classes[s[at - 1]] & C_LOWER))
                break;
        }
        if (at > low && (classes[s[at - 1]] & C_OTHER))
            return wanted;
        parts[count].from = at;
        begins[count++] = !(at > low && (classes[s[at - 1]] & C_LETTER));
    }
    /* wherever a phrase may end, what it may be; its bounds are bounds of words or of parts of words */
    for (int last = 0, words = 0; last < count && words <= BETWEEN; last++) {
        uint64_t hash = HASH_BEGIN;
        for (int first = last, more = 0; first < count && more < JOINED; first++) {
            for (at = parts[first].to; at > parts[first].from; at--)
                hash = HASH_ADD(hash, lower(s[at - 1]));
            found |= phrase_bits(hash);
            more += begins[first];
        }
        words += begins[last];
    }
    return found & wanted;
}

static int has_luhn(const char *digits, int size)
{
    int sum = 0;
    for (int at = size - 1, is_second = 0; at >= 0; at--, is_second = !is_second) {
        int digit = digits[at] - '0';
        sum += is_second ? (digit < 5 ? 2 * digit : 2 * digit - 9) : digit;
    }
    return sum % 10 == 0;
}

static int is_card(const char *digits, int size)
{
    if (!has_luhn(digits, size))
        return 0;
    for (int at = 0; at < brand_count; at++)
        if ((brands[at].lengths >> size & 1) && memcmp(digits, brands[at].low, brands[at].size) >= 0 &&
            memcmp(digits, brands[at].high, brands[at].size) <= 0)
            return 1;
    return 0;
}

/* A card's number that begins with the run of digits [start, stop), in one run or in groups. */
static int card_at(const unsigned char *s, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t end)
{
    char digits[24];
    int size = (int)(stop - start > 20 ? 20 : stop - start);
    memcpy(digits, s + start, (size_t)size);
    if (size > 8)
        return size >= 12 && size <= 19 && is_card(digits, size);
    if (size != 4 && size != 6 && size != 8)
        return 0;
    for (int groups = 1; groups < 5; groups++) {
        Py_ssize_t next = stop;
        while (next - stop < 3 && is_sign_at(s, next, end, " \t._/-"))
            next++;
        if (next == stop || !is_digit_at(s, next, end))
            return 0;
        for (stop = next; is_digit_at(s, stop, end); stop++) {
            if (size == 19)
                return 0;
            digits[size++] = (char)s[stop];
        }
        if (size >= 12 && is_card(digits, size))
            return 1;
    }
    return 0;
}

/* A round number with an exponent, as long as a card's: `4.111111111111111e15`, whose `e` is at `at`. */
static int exact_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t start = at, stop = at + 1;
    while (start > 0 && (classes[s[start - 1]] & C_DIGIT))
        start--;
    if (start > 1 && s[start - 1] == '.' && (classes[s[start - 2]] & C_DIGIT)) {
        start--;
        while (start > 0 && (classes[s[start - 1]] & C_DIGIT))
            start--;
    }
    if (start > 0 && (is_word_at(s, start - 1, end) || s[start - 1] == '.'))
        return 0;
    if (is_sign_at(s, stop, end, "+-"))
        stop++;
    if (!is_digit_at(s, stop, end))
        return 0;
    stop++;
    if (is_digit_at(s, stop, end))
        stop++;
    return stop - start >= 12 && !is_word_at(s, stop, end) && !(stop < end && s[stop] == '.');
}

/* An IBAN that begins with the letters at `at`: country, length and check digits. */
static int account_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    unsigned char signs[40];
    int length = account_length[(lower(s[at]) - 'a') * 26 + lower(s[at + 1]) - 'a'], rest = 0;
    signs[0] = s[at];
    signs[1] = s[at + 1];
    at += 2;
    for (int size = 2; size < length; size++) {
        for (int gap = 0; gap < 2 && is_sign_at(s, at, end, " \t.-"); gap++)
            at++;
        if (!is_at(s, at, end, size < 4 ? C_DIGIT : C_WORD))
            return 0;
        signs[size] = s[at++];
    }
    if (length == 0)
        return 0;
    for (int from = 0; from < length; from++) {
        int sign = signs[(from + 4) % length], value;
        value = sign >= '0' && sign <= '9' ? sign - '0' : lower(sign) - 'a' + 10;
        rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
    }
    return rest == 1;
}

/* Six pairs whose first separator is at `at`, or three fours. */
static int hardware_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    int size = s[at] == '.' ? 4 : 2, parts = s[at] == '.' ? 3 : 6;
    Py_ssize_t start = at - size, stop = start + parts * (size + 1) - 1;
    if (start < 0 || stop > end || is_at(s, start - 1, end, C_WORD) || is_at(s, stop, end, C_WORD))
        return 0;
    for (Py_ssize_t next = start; next < stop; next++)
        if ((next - start) % (size + 1) == size ? s[next] != s[at] : !(classes[s[next]] & C_HEX))
            return 0;
    return 1;
}

/* Four numbers whose first dot is at `at`, which may be an address. */
static int quad_at(const unsigned char *s, Py_ssize_t start, Py_ssize_t end)
{
    int zeros = 0, value = 0;
    Py_ssize_t at = start;
    if (start > 0 && (is_at(s, start - 1, end, C_WORD) || s[start - 1] == '.'))
        return 0;
    for (int part = 0; part < 4; part++) {
        Py_ssize_t from;
        if (part > 0 && (at >= end || s[at++] != '.'))
            return 0;
        for (from = at, value = 0; at - from < 3 && is_digit_at(s, at, end); at++)
            value = 10 * value + s[at] - '0';
        if (at == from || value > 255 || (part == 0 && (value == 0 || value == 127)))
            return 0;
        zeros += part > 0 && value == 0 && at - from == 1;
    }
    return zeros < 3 && !is_word_at(s, at, end);
}

/* Colons as IPv6 has them: hexadecimal groups around the one at `at`, two colons side by side or six of them. */
static int groups_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    int colons = 0, is_short = 0;
    Py_ssize_t start = at;
    while (start > 0 && at - start <= 4 && (classes[s[start - 1]] & C_HEX))
        start--;
    if (at - start > 4 || (start > 0 && (is_word_at(s, start - 1, end) || s[start - 1] == ':' || s[start - 1] == '.')))
        return 0;
    for (Py_ssize_t next = start; next < end && next - start < 45 && ((classes[s[next]] & C_HEX) || s[next] == ':'); next++) {
        colons += s[next] == ':';
        is_short |= s[next] == ':' && next + 1 < end && s[next + 1] == ':';
    }
    return is_short || colons >= 6;
}

static int mail_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t next = at + 1;
    if (!is_word_at(s, at - 1, end) && !is_sign_at(s, at - 1, end, ".!#$%*+'^~-"))
        return 0;
    if (!is_at(s, next, end, C_ALNUM))
        return 0;
    while (next - at < 64 && (is_word_at(s, next, end) || (next < end && s[next] == '-')))
        next++;
    return next < end && s[next] == '.' && is_at(s, next + 1, end, C_ALNUM);
}

/* A second number with four decimals behind the first one, which ends at `at`. */
static int pair_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t next = at, digits;
    while (next - at < 7 && (is_at(s, next, end, C_SPACE) || is_sign_at(s, next, end, "NS,;/|")))
        next++;
    if (is_sign_at(s, next, end, "+-"))
        next++;
    else if (next == at)
        return 0;
    for (digits = 0; digits < 3 && is_digit_at(s, next, end); digits++)
        next++;
    if (digits == 0 || (digits < 3 && !is_at(s, at, end, C_SPACE) && !is_sign_at(s, at, end, "NS,;/|")))
        return 0;
    if (next >= end || s[next] != '.')
        return 0;
    for (digits = 0; digits < 4; digits++)
        if (!is_digit_at(s, next + 1 + digits, end))
            return 0;
    return 1;
}

/* Digits from `at` on, three signs between two of them at most; counts to `enough`. */
static int digits_from(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, int enough)
{
    int count = 0;
    while (count < enough) {
        at = skip_gap(s, at, end, 3);
        if (!is_digit_at(s, at, end))
            break;
        at++;
        count++;
    }
    return count;
}

/* Nine digits from `at` on as social security numbers are printed: 2 where dashes part them, 1 where blanks do or nothing. */
static int nine_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    int between = at + 3 < end && (s[at + 3] == '-' || s[at + 3] == ' ') ? s[at + 3] : 0;
    const char *form = between ? "999s99s9999" : "999999999";
    if (s[at] == '9' || is_sign_at(s, at - 1, end, ".-") * is_digit_at(s, at - 2 < 0 ? end : at - 2, end))
        return 0;
    for (; *form; form++, at++)
        if (*form == '9' ? !is_digit_at(s, at, end) : at >= end || s[at] != between)
            return 0;
    if (is_digit_at(s, at, end) || (is_sign_at(s, at, end, ".-") && is_digit_at(s, at + 1, end)))
        return 0;
    return between == '-' ? 2 : 1;
}

/* Whether a word that speaks of social security may stand in the forty characters before. */
static int has_ssn_word(const unsigned char *s, Py_ssize_t start)
{
    for (Py_ssize_t at = start > 40 ? start - 40 : 0; at + 3 <= start; at++) {
        char three[3] = {(char)lower(s[at]), (char)lower(s[at + 1]), (char)lower(s[at + 2])};
        if (memcmp(three, "ssn", 3) == 0 || memcmp(three, "soc", 3) == 0 || memcmp(three, "tax", 3) == 0 || memcmp(three, "iti", 3) == 0)
            return 1;
    }
    return 0;
}

/* The form of an IMEI: 2, 6, 6 and 1 or 2 digits with a sign between, or 14. */
static int device_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    static const char sizes[] = {2, 6, 6, 1};
    if (is_at(s, at - 1, end, C_ALNUM))
        return 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && at < end && s[at] >= ' ' && s[at] <= '/')
            at++;
        for (int size = 0; size < sizes[part]; size++, at++)
            if (!is_digit_at(s, at, end))
                return part == 3; /* 14 are enough */
    }
    return 1;
}

/* The forms of national ids that stand alone (detectors.national_id): 9 a digit, A a capital, X one of both, s a sign of a century,
 * -? a dash or none. */
static const char *const standing_forms[] = {
    "AAAAAAXXAXXAXXXA", "AAAA999999AAAAAAX9", "999999s999X", "99999999-?A", "A-?9999999-?A", "999.999.999-99", "99.999.999/9999-99",
    "999.9999.9999.99", "AA 99 99 99 A",
};

static int form_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end, const char *form)
{
    for (; *form; form++) {
        unsigned c = at < end ? s[at] : 0;
        int fits;
        if (form[1] == '?') {
            at += c == (unsigned char)*form;
            form++;
            continue;
        }
        switch (*form) {
        case '9':
            fits = classes[c] & C_DIGIT;
            break;
        case 'A':
            fits = classes[c] & C_UPPER;
            break;
        case 'X':
            fits = classes[c] & (C_UPPER | C_DIGIT);
            break;
        case 's':
            fits = c == '-' || c == '+' || c == 'A';
            break;
        default:
            fits = c == (unsigned char)*form;
        }
        if (!fits)
            return 0;
        at++;
    }
    return !is_at(s, at, end, C_ALNUM) && !(is_sign_at(s, at, end, "./-") && is_word_at(s, at + 1, end));
}

static int is_month(const unsigned char *s, Py_ssize_t at)
{
    static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    char three[3] = {(char)lower(s[at]), (char)lower(s[at + 1]), (char)lower(s[at + 2])};
    for (size_t month = 0; month < 36; month += 3)
        if (memcmp(three, months + month, 3) == 0)
            return 1;
    return 0;
}

/* The signs of what begins with a number, once it is known that there are numbers of some length. */
static uint64_t numbers_of(const unsigned char *s, Py_ssize_t end, uint64_t told)
{
    const uint64_t six = told & BIT(DIGITS_6), ids = told & (BIT(DIGITS_6) | BIT(LETTERED));
    const uint64_t wanted = (six ? BIT(PHONE) | BIT(IMEI) : 0) | (ids ? BIT(ID) : 0) | (told & BIT(DATED) ? BIT(BIRTH) : 0) |
                            (told & BIT(DECIMAL) ? BIT(PLACE) : 0);
    for (Py_ssize_t i = 0, next; i < end; i = next) {
        unsigned class = classes[s[i]];
        int is_begin;
        next = i + 1;
        if (!(class & C_ALNUM)) {
            if (s[i] == '+' && six && !is_at(s, i - 1, end, C_DIGIT) && digits_from(s, next, end, 7) == 7)
                told |= BIT(PHONE);
            continue;
        }
        is_begin = !is_at(s, i - 1, end, C_ALNUM);
        if (is_begin && ids && !(told & BIT(ID)) && !(is_sign_at(s, i - 1, end, "./-") && (is_at(s, i - 2, end, C_DIGIT) || is_sign_at(s, i - 2, end, "-"))))
            for (size_t form = 0; form < sizeof standing_forms / sizeof *standing_forms; form++)
                if (form_at(s, i, end, standing_forms[form]))
                    told |= BIT(ID);
        if (!(class & C_DIGIT)) {
            while (next < end && (classes[s[next]] & (C_LETTER | C_OTHER)))
                next++;
            if (is_begin && !(class & C_OTHER)) {
                uint64_t may = ids && next - i <= 6 && (is_digit_at(s, next, end) || (is_sign_at(s, next, end, " .-") && is_digit_at(s, next + 1, end)))
                                   ? BIT(ID)
                                   : 0;
                if ((told & BIT(DATED)) && next - i >= 3 && is_month(s, i))
                    may |= BIT(BIRTH);
                if (may & ~told)
                    told |= words_beside(s, i, may);
            }
            continue;
        }
        while (is_digit_at(s, next, end))
            next++;
        if (wanted & ~told) {
            told |= words_beside(s, i, wanted);
            if (is_sign_at(s, i - 1, end, "(+-"))
                told |= words_beside(s, i - 1, wanted);
        }
        if (!six)
            continue;
        if (!(told & BIT(CARD)) && card_at(s, i, next, end))
            told |= BIT(CARD);
        if (!(told & BIT(SSN)) && next - i >= 3) {
            int nine = nine_at(s, i, end);
            if (nine)
                told |= BIT(nine == 2 || has_ssn_word(s, i) ? SSN : NINE);
        }
        if (device_at(s, i, end))
            told |= BIT(DIGITS_14);
        if (next - i >= 2 && s[i] == '0' && s[i + 1] == '0' && !is_word_at(s, i - 1, end) && !is_sign_at(s, i - 1, end, "#.+") &&
            digits_from(s, i + 2, end, 7) == 7)
            told |= BIT(PHONE);
    }
    if (!(told & BIT(DIGITS_14)))
        told &= ~BIT(IMEI);
    return told;
}

static inline Py_ssize_t skip_space(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    return at < end && (classes[s[at]] & C_SPACE) ? at + 1 : at;
}

/* `14. 3. 1980`, `1980-03-14`: a separator at `at` behind a digit, one or two digits, a separator, a digit. */
static int date_at(const unsigned char *s, Py_ssize_t at, Py_ssize_t end)
{
    Py_ssize_t before = at - 1, next = skip_space(s, at + 1, end);
    if (before > 0 && (classes[s[before]] & C_SPACE))
        before--;
    if (!is_at(s, before, end, C_DIGIT) || !is_digit_at(s, next, end))
        return 0;
    next++;
    for (int size = 0; size < 2; size++) {
        Py_ssize_t after = skip_space(s, next, end);
        if (is_sign_at(s, after, end, "-/.") && is_digit_at(s, skip_space(s, after + 1, end), end))
            return 1;
        if (!is_digit_at(s, next, end))
            return 0;
        next++;
    }
    return 0;
}

/* The signs of a text; -1 where it may read as something else than it is, unless `is_read`. */
static int64_t signs_of(const unsigned char *s, Py_ssize_t end, int is_read)
{
    uint64_t told = 0;
    Py_ssize_t digits = 0, most_digits = 0, gap = 0, run = 0, capitals = 0, any_digit = 0;
    if (end > 0 && (s[0] == '/' || s[0] == '?' || s[0] == '#'))
        told |= BIT(URL);
    for (Py_ssize_t i = 0; i < end; i++) {
        unsigned c = s[i], class = classes[c];
        if (!(c & 0x80) && literal_first[c] >= 0 && i + 1 < end && (literal_second[c][s[i + 1] >> 6] >> (s[i + 1] & 63) & 1))
            told |= literals_at(s, i, end);
        if (class & C_DIGIT) {
            digits++;
            run++;
            gap = 0;
            if (digits > most_digits)
                most_digits = digits;
            if (run == 4)
                told |= BIT(DATED);
            capitals = 0;
            continue;
        }
        if (class & C_LETTER) {
            if (digits && gap <= 3) {
                if ((c | 0x20) == 'e' && gap == 0 && exact_at(s, i, end))
                    told |= BIT(CARD);
                if (digits >= 4 && !is_at(s, i + 1, end, C_LETTER))
                    told |= BIT(LETTERED);
                if (digits >= 2) {
                    Py_ssize_t next = skip_gap(s, i + 1, end, 3);
                    if (is_digit_at(s, next, end) && is_digit_at(s, skip_gap(s, next + 1, end, 3), end))
                        told |= BIT(LETTERED);
                }
            }
            if (i > 0 && (classes[s[i - 1]] & C_LETTER) && !(told & BIT(ACCOUNT)) &&
                (is_digit_at(s, i + 1, end) || (is_sign_at(s, i + 1, end, " .-") && is_digit_at(s, i + 2, end))) && account_at(s, i - 1, end))
                told |= BIT(ACCOUNT);
            capitals = class & C_UPPER ? capitals + 1 : 0;
            if (capitals >= 6 && is_at(s, i + 1, end, C_DIGIT | C_UPPER) && is_at(s, i + 2, end, C_DIGIT | C_UPPER))
                told |= BIT(LETTERED);
            any_digit += digits;
            digits = run = gap = 0;
            continue;
        }
        capitals = 0;
        if (class & C_OTHER) {
            any_digit += digits;
            digits = run = gap = 0;
            continue;
        }
        if (class & C_ESCAPE && !is_read && may_be_escape(s, i, end))
            return -1;
        switch (c) {
        case '@':
            if (!(told & BIT(EMAIL)) && mail_at(s, i, end))
                told |= BIT(EMAIL);
            break;
        case '?':
            if (i + 1 < end && !is_at(s, i + 1, end, C_SPACE) && !is_sign_at(s, i + 1, end, "\"'<>"))
                told |= BIT(URL);
            break;
        case ':':
            if (is_sign_at(s, i + 1, end, "/\\"))
                told |= BIT(URL);
            if (!(told & BIT(IPV6)) && groups_at(s, i, end))
                told |= BIT(IPV6);
            if (i + 3 < end && s[i + 3] == ':' && hardware_at(s, i, end))
                told |= BIT(MAC);
            break;
        case '-':
            if (i + 3 < end && s[i + 3] == '-' && hardware_at(s, i, end))
                told |= BIT(MAC);
            if (!(told & BIT(DATED)) && date_at(s, i, end))
                told |= BIT(DATED);
            break;
        case '/':
            if (!(told & BIT(DATED)) && date_at(s, i, end))
                told |= BIT(DATED);
            break;
        case '.':
            if (i + 5 < end && s[i + 5] == '.' && hardware_at(s, i, end))
                told |= BIT(MAC);
            if (!(told & BIT(DATED)) && date_at(s, i, end))
                told |= BIT(DATED);
            if (run && is_digit_at(s, i + 1, end)) {
                Py_ssize_t next = i + 1;
                if (run <= 3 && quad_at(s, i - run, end))
                    told |= BIT(QUAD);
                if (is_digit_at(s, i + 2, end) && is_digit_at(s, i + 3, end) && is_digit_at(s, i + 4, end)) {
                    told |= BIT(DECIMAL);
                    while (next - i <= 18 && is_digit_at(s, next, end))
                        next++;
                    if (!(told & BIT(PLACE)) && pair_at(s, next, end))
                        told |= BIT(PLACE);
                }
            }
            break;
        }
        run = 0;
        if (!(class & C_GAP) || ++gap > 3) {
            any_digit += digits;
            digits = gap = 0;
        }
    }
    any_digit += digits;
    if (!any_digit)
        told &= ~BIT(IPV6);
    if (most_digits >= 6)
        told |= BIT(DIGITS_6);
    if (told & (BIT(DIGITS_6) | BIT(LETTERED) | BIT(DATED) | BIT(DECIMAL)))
        told = numbers_of(s, end, told);
    return (int64_t)told;
}

/* Letters of other scripts, and signs, that read as themselves (detectors.prefilter). */
static int reads_as_itself(Py_UCS4 c)
{
    if (c < 0x180)
        return c >= 0xa1 && (c <= 0xa7 || (c >= 0xc0 && c <= 0x17e && (c < 0x130 || c > 0x133) && c != 0x13f && c != 0x140 && c != 0x149));
    return (c >= 0x2018 && c <= 0x201f) || c == 0x20ac || (c >= 0x3041 && c <= 0x3096) || (c >= 0x30a1 && c <= 0x30fa) ||
           (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3);
}

static int64_t signs_of_text(PyObject *text, int is_read)
{
    unsigned char few[1024], *s = few;
    Py_ssize_t end = PyUnicode_GET_LENGTH(text), at;
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    int64_t told = -1;
    if (PyUnicode_IS_ASCII(text))
        return signs_of(data, end, is_read);
    if (end > (Py_ssize_t)sizeof few && (s = PyMem_Malloc((size_t)end)) == NULL)
        return -1;
    for (at = 0; at < end; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if (c >= 128 && !reads_as_itself(c))
            break;
        s[at] = (unsigned char)(c < 128 ? c : Py_UNICODE_ISALPHA(c) ? OTHER_LETTER : OTHER_SIGN);
    }
    if (at == end)
        told = signs_of(s, end, is_read);
    if (s != few)
        PyMem_Free(s);
    return told;
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
    return PyLong_FromLongLong(signs_of_text(text, 0));
}

PyDoc_STRVAR(signs_read_doc, "signs_read(text) -> int\n\nThe same of a text that is a reading already: what looks like an escape is none.");

static PyObject *signs_read(PyObject *module, PyObject *text)
{
    (void)module;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "signs_read(text)");
        return NULL;
    }
    return PyLong_FromLongLong(signs_of_text(text, 1));
}
