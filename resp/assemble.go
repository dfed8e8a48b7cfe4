package resp

// Assembler puts together a request that arrives in pieces and is too large to be
// looked at again with each of them. The zero value is ready.
//
// It has its own copy of every argument. A bulk string's buffer starts small and grows
// fourfold as its bytes come, up to the announced length, so memory follows what was
// really sent; the last one is as long as the string and the caller may keep it.
type Assembler struct {
	on    bool // the number of arguments is known
	left  int  // arguments to come, the one under way included
	want  int  // length of the bulk string under way, -1 while its header is read
	skip  int  // bytes of the CRLF after it still to come
	line  []byte
	bulk  []byte
	args  [][]byte
	bytes int
}

// firstBulk is what a bulk string's buffer starts with, bytes.
const firstBulk = 64 << 10

// On tells whether a request is under way.
func (a *Assembler) On() bool { return a.on || len(a.line) > 0 }

// Bytes is the memory held by the request under way, bytes.
func (a *Assembler) Bytes() int { return a.bytes + cap(a.bulk) + cap(a.line) + 24*cap(a.args) }

// Feed takes in b. It returns how much of b belongs to the request and whether that
// is now complete; then Take returns it. Bytes not taken are the next request's.
func (a *Assembler) Feed(b []byte, lim Limits) (n int, done bool, err error) {
	for n < len(b) {
		if !a.on || a.want < 0 {
			k, err := a.feedHeader(b[n:], lim)
			n += k
			if err != nil {
				return n, false, err
			}
			if a.on && a.left == 0 {
				return n, true, nil
			}
			continue
		}
		if need := a.want - len(a.bulk); need > 0 {
			k := min(need, len(b)-n)
			a.grow(k)
			a.bulk = append(a.bulk, b[n:n+k]...)
			n += k
			continue
		}
		k := min(a.skip, len(b)-n)
		n += k
		if a.skip -= k; a.skip > 0 {
			break
		}
		a.args = append(a.args, a.bulk)
		a.bytes += cap(a.bulk)
		a.bulk, a.want = nil, -1
		if a.left--; a.left == 0 {
			return n, true, nil
		}
	}
	return n, false, nil
}

// feedHeader reads on in a header line, which may itself be torn.
func (a *Assembler) feedHeader(b []byte, lim Limits) (int, error) {
	held := len(a.line)
	tooBig, kind := errBulkBig, byte('$')
	if !a.on {
		tooBig, kind = errCountBig, '*'
	}
	// A header is short: give the line what may belong to it and look again.
	take := min(len(b), maxLine+2-held)
	for i := range take {
		if b[i] == '\n' {
			take = i + 1
			break
		}
	}
	a.line = append(a.line, b[:take]...)
	if kind == '*' {
		n, next, err := header(a.line, 0, tooBig)
		if next == 0 || err != nil {
			return take, err
		}
		if err := checkCount(n, lim); err != nil {
			return take, err
		}
		used := next - held
		a.on, a.left, a.want, a.line = true, max(n, 0), -1, a.line[:0]
		return used, nil
	}
	n, next, err := bulkHeader(a.line, 0, lim)
	if next == 0 || err != nil {
		return take, err
	}
	used := next - held
	a.want, a.skip, a.line = n, 2, a.line[:0]
	a.bulk = make([]byte, 0, min(n, firstBulk))
	return used, nil
}

// grow makes room for k more bytes of the bulk string. A step that would come near the
// announced length goes all the way: a step saved is a copy, and fresh memory, saved.
func (a *Assembler) grow(k int) {
	if len(a.bulk)+k <= cap(a.bulk) {
		return
	}
	size := cap(a.bulk)
	for size < len(a.bulk)+k {
		if size *= 4; size >= a.want/2 {
			size = a.want
		}
	}
	bigger := make([]byte, len(a.bulk), min(size, a.want))
	copy(bigger, a.bulk)
	a.bulk = bigger
}

// Take returns the arguments of a complete request, whose memory is the caller's from
// now on, and makes the Assembler ready for the next.
func (a *Assembler) Take() [][]byte {
	args := a.args
	*a = Assembler{line: a.line[:0]}
	return args
}
