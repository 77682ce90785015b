package explain

import (
	"bytes"
	"slices"
	"strconv"
)

// A program that parses JSON and writes it again loses the order of members. The received JSON does
// not show the sender's order, so every order is tried if there are few. Two patterns show that an
// order was lost. In the first, a program sorted all members. In the second, JavaScript moved
// members to the front whose names look like whole numbers.

const (
	// maxArranged bounds, in bytes, a body whose members are put in every
	// order: each order is a copy of the body.
	maxArranged = 16 << 10
	// maxOrders bounds the orders of a text in its own style: 7!, the orders of
	// seven members.
	maxOrders = 5040
	// maxStyled bounds the orders of a text in each other style: 6!, because
	// there are several styles.
	maxStyled = 720
)

// orders describes the orders that the members of a text may have had.
type orders struct {
	// objects are the objects whose members are permuted. count is the number
	// of orders of all of them together.
	objects []*object
	count   int
	// may reports whether an object could have had this order.
	may func(o *object, order []int) bool
	// other returns the order of an object that is not permuted.
	other func(o *object) []int
	what  string
}

// ordersOf returns the possible orders. The count is zero if nothing suggests
// that the order was lost, or if there are too many.
func ordersOf(all []*object) orders {
	if o := sortedOrders(all); o.count > 0 {
		return o
	}
	return numberedOrders(all)
}

// sortedOrders handles a text in which every object is sorted. One unsorted
// object is enough to rule it out: a program that sorts members sorts all of
// them. The count stops growing at maxOrders, so it cannot overflow.
func sortedOrders(all []*object) orders {
	o := orders{
		count: 1, may: func(*object, []int) bool { return true }, other: byKey,
		what: "the members of JSON objects were sorted; the sender writes them in another order",
	}
	walk(all, func(in *object) {
		// An object with one member has one order. Beyond the bound, the exact count does not
		// matter.
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

// isSorted reports whether the members are in the order of their names, byte by
// byte, as most languages sort.
func isSorted(o *object) bool {
	return slices.IsSortedFunc(o.members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
}

// numberedOrders handles a text in which JavaScript moved names that are whole
// numbers to the front. The other names kept their order, so there are far
// fewer orders than permutations: only the places of the numbers are unknown.
func numberedOrders(all []*object) orders {
	o := orders{
		count: 1, may: keepsNames, other: asItStands,
		what: "JavaScript moved members whose names are whole numbers to the front; the sender writes them in another order",
	}
	walk(all, func(in *object) {
		n := numbersInFront(in)
		if n == 0 || len(in.members) < 2 || o.count > maxOrders {
			return
		}
		o.objects = append(o.objects, in)
		// The number of ways to place n numbers among all members.
		for i := range n {
			if o.count *= len(in.members) - i; o.count > maxOrders {
				return
			}
		}
	})
	return o.bounded()
}

// bounded returns no orders if there are too many. An object of more than seven
// members is skipped even if few of its orders are possible, because all its
// permutations are generated and filtered.
func (o orders) bounded() orders {
	// Seven members have as many permutations as maxOrders.
	if o.count > maxOrders || len(o.objects) == 0 || slices.ContainsFunc(o.objects, func(in *object) bool { return len(in.members) > 7 }) {
		return orders{}
	}
	return o
}

// numbersInFront returns the number of names that are whole numbers, if these
// come first in ascending order. Otherwise the text was not written by
// JavaScript, and the result is 0.
func numbersInFront(o *object) (n int) {
	last := -1
	for i := range o.members {
		number, err := strconv.Atoi(string(o.members[i].key))
		// JavaScript moves only canonical integers: "7" but not "07" or "+7".
		switch whole := err == nil && strconv.Itoa(number) == string(o.members[i].key) && number >= 0; {
		case whole && (n < i || number <= last):
			return 0
		case whole:
			n, last = n+1, number
		}
	}
	return n
}

// keepsNames reports whether an order leaves names that are not numbers in
// their present sequence.
func keepsNames(o *object, order []int) bool {
	n, last := numbersInFront(o), -1
	for _, i := range order {
		// Members from n on are the names.
		if i >= n {
			if i < last {
				return false
			}
			last = i
		}
	}
	return true
}

// asItStands keeps the present order of members.
func asItStands(o *object) []int {
	order := make([]int, len(o.members))
	for i := range order {
		order[i] = i
	}
	return order
}

// styled is a body as a common library would have written it, with the mistakes
// that this undoes.
type styled struct {
	body  []byte
	steps []step
}

// styles returns the body as it is, then in the styles of common libraries. A
// program that parses JSON and writes it again changes not only the order but
// also escapes and spaces. So the sender's order often verifies only in the
// sender's style. Styles that give the same bytes are skipped.
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
		// Escapes and spaces together, as the library writes both.
		one := styled{body: restyle(body, style{spacing: &s.spacing, text: s.escapes.text})}
		if one.body == nil || slices.ContainsFunc(all, func(known styled) bool { return string(known.body) == string(one.body) }) {
			continue
		}
		// Name only the differences that this body shows.
		if string(restyle(body, style{text: s.escapes.text})) != string(body) {
			one.steps = append(one.steps, step{bodyEscapes, "characters in the JSON strings were escaped or unescaped; the sender writes them as " + s.library + " does"})
		}
		switch spaced := restyle(body, style{spacing: &s.spacing}); {
		case string(spaced) == string(body):
		case string(spaced) == string(bytes.TrimSpace(body)):
			one.steps = append(one.steps, step{bodyNewline, "white space was added around the body"})
		default:
			one.steps = append(one.steps, step{bodyReformatted, "the JSON in the body was reformatted; the sender's is as " + s.library + " writes it"})
		}
		all = append(all, one)
	}
	return all
}

// memberOrders yields every order of the members of JSON objects, if there are
// few and something seems to have changed it. It starts with the style of the
// body, then tries others. rewrite runs a function, or returns nil without
// running it if there is no work left.
func memberOrders(body []byte, rewrite func(do func() []byte) []byte, yield func(b []byte, undone []step) bool) {
	if len(body) > maxArranged || !looksLikeJSON(body) {
		return
	}
	for i, s := range styles(body) {
		all, ok := objects(s.body)
		o := ordersOf(all)
		// A style does not change the order, so if one has nothing to find, none has.
		if !ok || o.count == 0 || i > 0 && o.count > maxStyled {
			return
		}
		undone := append([]step{{bodyKeyOrder, o.what}}, s.steps...)
		if !o.each(s.body, all, rewrite, func(b []byte) bool { return yield(b, undone) }) {
			return
		}
	}
}

// each yields the text in every order, and reports whether it reached the end.
// It recurses over the objects and permutes each, so the orders of several
// objects are combined. picked is keyed by object because arrange visits them
// in another sequence.
func (o orders) each(src []byte, all []*object, rewrite func(do func() []byte) []byte, yield func(b []byte) bool) bool {
	picked := map[*object][]int{}
	arranged := func() []byte {
		return arrange(src, all, func(in *object) []int {
			// arrange also calls this for objects that are not permuted.
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
