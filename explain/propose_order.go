package explain

import (
	"bytes"
	"slices"
	"strconv"
)

// A program that parses JSON and writes it again loses the order of members. The
// sender's cannot be read off what arrives, so each is tried where there are few.
// Which objects have one to find is what the orders of a text say: those that a
// program sorted, or those whose names look like whole numbers, which JavaScript
// puts in front.

const (
	maxArranged = 16 << 10 // bytes of a body whose members are put in every order
	maxOrders   = 5040     // of a text that is only in another order
	maxStyled   = 720      // of a text that is also written in another style, for each style
)

// orders are what the members of a text may have been in.
type orders struct {
	objects []*object
	count   int
	may     func(o *object, order []int) bool // whether such an object can have been in this order
	other   func(o *object) []int             // the order of objects that are left alone
	what    string
}

// ordersOf finds them. The count is zero if there is nothing to find, or too
// much.
func ordersOf(all []*object) orders {
	if o := sortedOrders(all); o.count > 0 {
		return o
	}
	return numberedOrders(all)
}

// sortedOrders are those of a text in which every object is sorted.
func sortedOrders(all []*object) orders {
	o := orders{
		count: 1, may: func(*object, []int) bool { return true }, other: byKey,
		what: "the members of JSON objects were sorted; the sender writes them in another order",
	}
	walk(all, func(in *object) {
		if len(in.members) < 2 || o.count > maxOrders {
			return
		}
		o.objects = append(o.objects, in)
		if !isSorted(in) {
			o.count = maxOrders + 1
			return
		}
		for i := 2; i <= len(in.members) && o.count <= maxOrders; i++ {
			o.count *= i
		}
	})
	return o.bounded()
}

// isSorted says that the members stand in the order of their names.
func isSorted(o *object) bool {
	return slices.IsSortedFunc(o.members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
}

// numberedOrders are those of a text in which JavaScript put names that are
// whole numbers in front of the others.
func numberedOrders(all []*object) orders {
	o := orders{
		count: 1, may: keepsNames, other: asItStands,
		what: "JavaScript put members whose names are whole numbers in front; the sender writes them in another order",
	}
	walk(all, func(in *object) {
		n := numbersInFront(in)
		if n == 0 || len(in.members) < 2 || o.count > maxOrders {
			return
		}
		o.objects = append(o.objects, in)
		for i := range n {
			if o.count *= len(in.members) - i; o.count > maxOrders {
				return
			}
		}
	})
	return o.bounded()
}

func (o orders) bounded() orders {
	if o.count > maxOrders || len(o.objects) == 0 || slices.ContainsFunc(o.objects, func(in *object) bool { return len(in.members) > 7 }) {
		return orders{}
	}
	return o
}

// numbersInFront counts the names that are whole numbers, if these come first
// and in their order.
func numbersInFront(o *object) (n int) {
	last := -1
	for i := range o.members {
		number, err := strconv.Atoi(string(o.members[i].key))
		switch whole := err == nil && strconv.Itoa(number) == string(o.members[i].key) && number >= 0; {
		case whole && (n < i || number <= last):
			return 0
		case whole:
			n, last = n+1, number
		}
	}
	return n
}

// keepsNames says that names which are no numbers follow each other as they
// stand.
func keepsNames(o *object, order []int) bool {
	n, last := numbersInFront(o), -1
	for _, i := range order {
		if i >= n {
			if i < last {
				return false
			}
			last = i
		}
	}
	return true
}

func asItStands(o *object) []int {
	order := make([]int, len(o.members))
	for i := range order {
		order[i] = i
	}
	return order
}

// styled is a body as a common library would have written it.
type styled struct {
	body  []byte
	steps []step
}

// styles are those that differ from how body is written: what parses JSON and
// writes it again in another order changes escapes and spaces with it.
func styles(body []byte) []styled {
	all := []styled{{body: body}}
	for _, s := range []struct {
		library string
		escapes escapes
		spacing spacing
	}{
		{"JavaScript", escapes{raw, raw, raw, raw}, spacing{"", ":", ","}},
		{"Python", escapes{raw, raw, raw, lower}, spacing{"", ": ", ", "}},
		{"PHP", escapes{lower, raw, raw, lower}, spacing{"", ":", ","}},
	} {
		one := styled{body: restyle(body, style{spacing: &s.spacing, text: s.escapes.text})}
		if one.body == nil || slices.ContainsFunc(all, func(known styled) bool { return string(known.body) == string(one.body) }) {
			continue
		}
		if string(restyle(body, style{text: s.escapes.text})) != string(body) {
			one.steps = append(one.steps, step{bodyEscapes, "characters in the JSON strings were escaped or unescaped; the sender writes them as " + s.library + " does"})
		}
		switch spaced := restyle(body, style{spacing: &s.spacing}); {
		case string(spaced) == string(body):
		case string(spaced) == string(bytes.TrimSpace(body)):
			one.steps = append(one.steps, step{bodyNewline, "white space was added around the body"})
		default:
			one.steps = append(one.steps, step{bodyReformatted, "the JSON in the body was formatted anew; the sender's is as " + s.library + " writes it"})
		}
		all = append(all, one)
	}
	return all
}

// memberOrders yields every order of the members of JSON objects, if there are
// few and something seems to have changed it: in the style of the body, then in
// others. rewrite does what it is given, or returns nil if there is no work
// left for that.
func memberOrders(body []byte, rewrite func(do func() []byte) []byte, yield func(b []byte, undone []step) bool) {
	if len(body) > maxArranged || !looksLikeJSON(body) {
		return
	}
	for i, s := range styles(body) {
		all, ok := objects(s.body)
		o := ordersOf(all)
		if !ok || o.count == 0 || i > 0 && o.count > maxStyled {
			return
		}
		undone := append([]step{{bodyKeyOrder, o.what}}, s.steps...)
		if !o.each(s.body, all, rewrite, func(b []byte) bool { return yield(b, undone) }) {
			return
		}
	}
}

// each yields the text in every order, and reports whether it came to the end.
func (o orders) each(src []byte, all []*object, rewrite func(do func() []byte) []byte, yield func(b []byte) bool) bool {
	picked := map[*object][]int{}
	arranged := func() []byte {
		return arrange(src, all, func(in *object) []int {
			if order, ok := picked[in]; ok {
				return order
			}
			return o.other(in)
		})
	}
	var from func(i int) bool
	from = func(i int) bool {
		if i == len(o.objects) {
			b := rewrite(arranged)
			return b != nil && yield(b)
		}
		return permute(len(o.objects[i].members), func(order []int) bool {
			if !o.may(o.objects[i], order) {
				return true
			}
			picked[o.objects[i]] = order
			return from(i + 1)
		})
	}
	return from(0)
}
