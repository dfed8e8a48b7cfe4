package scripts

import (
	"bytes"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Lua's patterns. A pattern may take a time that is exponential in its length, or quadratic
// in the text's, so each step that can repeat is paid for (global.burn), which is why this
// matcher is ours: gopher-lua's cannot be interrupted, and finds all matches of a text
// before gmatch hands out the first. It is the usual backtracking matcher: match walks
// along a pattern and a text, and calls itself where there is more than one way to go on.

const (
	maxCaptures  = 32
	maxRecursion = 6400 // of match within match
	openCapture  = -1
	posCapture   = -2
)

// matcher is one attempt to match a pattern somewhere in a text.
type matcher struct {
	L     *lua.LState
	g     *global
	src   string
	pat   string
	level int // captures
	deep  int
	capt  [maxCaptures]struct{ from, len int }
}

// burnFor pays for n steps.
func (m *matcher) burnFor(n int) { m.g.burn(m.L, n) }

// match matches the pattern from p on with the text from s on; it returns where in the text
// it ended, or -1.
func (m *matcher) match(s, p int) int {
	if m.deep++; m.deep > maxRecursion {
		raise(m.L, "pattern too complex")
	}
	m.burnFor(1)
	s = m.walk(s, p)
	m.deep--
	return s
}

// walk is match, but for the count.
func (m *matcher) walk(s, p int) int {
	for p < len(m.pat) {
		switch c := m.pat[p]; {
		case c == '(':
			if p+1 < len(m.pat) && m.pat[p+1] == ')' {
				return m.open(s, p+2, posCapture)
			}
			return m.open(s, p+1, openCapture)
		case c == ')':
			return m.shut(s, p+1)
		case c == '$' && p+1 == len(m.pat):
			if s == len(m.src) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'b':
			if s = m.balance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1] == 'f':
			if p += 2; p >= len(m.pat) || m.pat[p] != '[' {
				raise(m.L, "missing '[' after '%sf' in pattern", "%")
			}
			end := m.classEnd(p)
			var before, after byte
			if s > 0 {
				before = m.src[s-1]
			}
			if s < len(m.src) {
				after = m.src[s]
			}
			if m.inSet(before, p, end-1) || !m.inSet(after, p, end-1) {
				return -1
			}
			p = end
			continue
		case c == '%' && p+1 < len(m.pat) && m.pat[p+1]-'0' < 10:
			if s = m.again(s, m.pat[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		end := m.classEnd(p)
		m.burnFor((end - p) / 16)
		var suffix byte
		if end < len(m.pat) {
			suffix = m.pat[end]
		}
		one := s < len(m.src) && m.single(m.src[s], p, end)
		switch suffix {
		case '?':
			if one {
				if r := m.match(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.most(s, p, end)
		case '+':
			if !one {
				return -1
			}
			return m.most(s+1, p, end)
		case '-':
			for {
				m.burnFor((end - p) / 16)
				if r := m.match(s, end+1); r >= 0 {
					return r
				}
				if s >= len(m.src) || !m.single(m.src[s], p, end) {
					return -1
				}
				s++
			}
		default:
			if !one {
				return -1
			}
			s, p = s+1, end
		}
	}
	return s
}

// most tries as many of an item as there are, then fewer.
func (m *matcher) most(s, p, end int) int {
	n := 0
	for s+n < len(m.src) && m.single(m.src[s+n], p, end) {
		n++
		m.burnFor((end - p) / 16) // a set may be long
	}
	m.burnFor(n / 16)
	for ; n >= 0; n-- {
		if r := m.match(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) open(s, p, what int) int {
	if m.level == maxCaptures {
		raise(m.L, "too many captures")
	}
	m.capt[m.level].from, m.capt[m.level].len = s, what
	m.level++
	r := m.match(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

func (m *matcher) shut(s, p int) int {
	for l := m.level - 1; l >= 0; l-- {
		if m.capt[l].len == openCapture {
			m.capt[l].len = s - m.capt[l].from
			r := m.match(s, p)
			if r < 0 {
				m.capt[l].len = openCapture
			}
			return r
		}
	}
	raise(m.L, "invalid pattern capture")
	return -1
}

// again matches what a capture has matched.
func (m *matcher) again(s int, digit byte) int {
	l := int(digit) - '1'
	if l < 0 || l >= m.level || m.capt[l].len == openCapture {
		raise(m.L, "invalid capture index")
	}
	c := m.capt[l]
	m.burnFor(c.len / bytesPerFuel)
	if c.len >= 0 && strings.HasPrefix(m.src[s:], m.src[c.from:c.from+c.len]) {
		return s + c.len
	}
	return -1
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pat) {
		raise(m.L, "unbalanced pattern")
	}
	if s >= len(m.src) || m.src[s] != m.pat[p] {
		return -1
	}
	begin, end, open := m.pat[p], m.pat[p+1], 1
	for i := s + 1; i < len(m.src); i++ {
		switch m.src[i] {
		case end:
			if open--; open == 0 {
				m.burnFor((i - s) / 16)
				return i + 1
			}
		case begin:
			open++
		}
	}
	m.burnFor((len(m.src) - s) / 16)
	return -1
}

// classEnd is where the item at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pat[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pat) {
			raise(m.L, "malformed pattern (ends with '%s')", "%")
		}
		return p + 1
	case '[':
		if p < len(m.pat) && m.pat[p] == '^' {
			p++
		}
		for first := true; ; first = false {
			if p >= len(m.pat) {
				raise(m.L, "malformed pattern (missing ']')")
			}
			c := m.pat[p]
			if c == ']' && !first {
				return p + 1
			}
			if p++; c == '%' && p < len(m.pat) {
				p++
			}
		}
	}
	return p
}

// single tells whether a byte fits the item from p to end.
func (m *matcher) single(c byte, p, end int) bool {
	switch m.pat[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pat[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pat[p] == c
}

// inSet tells whether a byte is in the set between the brackets at p and end.
func (m *matcher) inSet(c byte, p, end int) bool {
	in := true
	if m.pat[p+1] == '^' {
		in = false
		p++
	}
	for p++; p < end; p++ {
		switch {
		case m.pat[p] == '%' && p+1 < end:
			p++
			if inClass(c, m.pat[p]) {
				return in
			}
		case p+2 < end && m.pat[p+1] == '-':
			if m.pat[p] <= c && c <= m.pat[p+2] {
				return in
			}
			p += 2
		case m.pat[p] == c:
			return in
		}
	}
	return !in
}

func inClass(c, class byte) bool {
	letter := c|0x20-'a' < 26
	digit := c-'0' < 10
	var in bool
	switch class | 0x20 {
	case 'a':
		in = letter
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = digit
	case 'l':
		in = c-'a' < 26
	case 'p':
		in = c > 32 && c < 127 && !letter && !digit
	case 's':
		in = c == ' ' || c-'\t' < 5
	case 'u':
		in = c-'A' < 26
	case 'w':
		in = letter || digit
	case 'x':
		in = digit || c|0x20-'a' < 6
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	return in != (class-'A' < 26)
}

// capture is capture i of a match from s to e; without captures the whole is the first.
func (m *matcher) capture(i, s, e int) lua.LValue {
	if i >= m.level {
		if i != 0 {
			raise(m.L, "invalid capture index")
		}
		return lua.LString(m.src[s:e])
	}
	c := m.capt[i]
	switch c.len {
	case openCapture:
		raise(m.L, "unfinished capture")
	case posCapture:
		return lua.LNumber(c.from + 1)
	}
	return lua.LString(m.src[c.from : c.from+c.len])
}

// push pushes all captures; without any the whole match if whole.
func (m *matcher) push(s, e int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	for i := range n {
		m.L.Push(m.capture(i, s, e))
	}
	return n
}

// seek finds the first match from init on.
func (m *matcher) seek(init int, anchored bool, p int) (s, e int) {
	for s = init; s <= len(m.src); s++ {
		m.level = 0
		if e = m.match(s, p); e >= 0 {
			return s, e
		}
		if anchored {
			break
		}
	}
	return -1, -1
}

// startAt is the index of the argument that says where to begin.
func startAt(L *lua.LState, i, length int) int {
	return min(max(place(whole(L, i, 1), length)-1, 0), length)
}

func (s *state) find(L *lua.LState) int  { return s.findOrMatch(L, true) }
func (s *state) match(L *lua.LState) int { return s.findOrMatch(L, false) }

func (s *state) findOrMatch(L *lua.LState, find bool) int {
	src, pat := text(L, 1), text(L, 2)
	init := startAt(L, 3, len(src))
	if find && (lua.LVAsBool(L.Get(4)) || !strings.ContainsAny(upToNUL(pat), "^$*+?.([%-")) {
		s.g.burn(L, (len(src)-init)/bytesPerFuel)
		at := strings.Index(src[init:], pat)
		if at < 0 {
			L.Push(lua.LNil)
			return 1
		}
		L.Push(lua.LNumber(init + at + 1))
		L.Push(lua.LNumber(init + at + len(pat)))
		return 2
	}
	m := matcher{L: L, g: s.g, src: src, pat: upToNUL(pat)}
	p := 0
	anchored := strings.HasPrefix(pat, "^")
	if anchored {
		p = 1
	}
	from, to := m.seek(init, anchored, p)
	if from < 0 {
		L.Push(lua.LNil)
		return 1
	}
	if find {
		L.Push(lua.LNumber(from + 1))
		L.Push(lua.LNumber(to))
		return 2 + m.push(from, to, false)
	}
	return m.push(from, to, true)
}

func (s *state) gmatch(L *lua.LState) int {
	src, pat := text(L, 1), upToNUL(text(L, 2))
	at := 0
	L.Push(L.NewFunction(func(L *lua.LState) int {
		m := matcher{L: L, g: s.g, src: src, pat: pat}
		from, to := m.seek(at, false, 0)
		if from < 0 {
			at = len(src) + 1
			return 0
		}
		if at = to; to == from {
			at++
		}
		return m.push(from, to, true)
	}))
	return 1
}

func (s *state) gsub(L *lua.LState) int {
	src, pat := text(L, 1), text(L, 2)
	most := shortOr(L, 4, len(src)+1)
	repl := L.Get(3)
	switch repl.(type) {
	case lua.LNumber, lua.LString:
		repl = lua.LString(text(L, 3))
	case *lua.LTable, *lua.LFunction:
	default:
		argError(L, 3, "string/function/table expected")
	}
	m := matcher{L: L, g: s.g, src: src, pat: upToNUL(pat)}
	p := 0
	anchored := strings.HasPrefix(pat, "^")
	if anchored {
		p = 1
	}
	var out bytes.Buffer
	at, n := 0, 0
	for n < most {
		m.level = 0
		e := m.match(at, p)
		if e >= 0 {
			n++
			m.replace(&out, repl, at, e)
		}
		switch {
		case e > at:
			at = e
		case at < len(src):
			out.WriteByte(src[at])
			at++
		default:
			at++
		}
		if at > len(src) || anchored {
			break
		}
		if out.Len() > longest {
			raise(L, "string length overflow")
		}
	}
	if at < len(src) {
		m.write(&out, src[at:])
	}
	L.Push(lua.LString(out.String()))
	L.Push(lua.LNumber(n))
	return 2
}

// replace writes what stands for a match.
func (m *matcher) replace(out *bytes.Buffer, repl lua.LValue, s, e int) {
	var v lua.LValue
	switch repl := repl.(type) {
	case lua.LString:
		m.burnFor(len(repl) / bytesPerFuel)
		for i := 0; i < len(repl); i++ {
			c := repl[i]
			if c != '%' {
				m.writeByte(out, c)
				continue
			}
			if i++; i == len(repl) {
				c = 0 // as the end of a text is in C
			} else {
				c = repl[i]
			}
			switch {
			case c-'0' > 9:
				m.writeByte(out, c)
			case c == '0':
				m.write(out, m.src[s:e])
			default:
				text, _ := textOf(m.capture(int(c-'1'), s, e))
				m.write(out, text)
			}
		}
		return
	case *lua.LTable:
		k := m.capture(0, s, e)
		v = lua.LNil
		if n, ok := k.(lua.LNumber); ok && mayBeSparse(n) {
			v = find(repl, n)
		}
		if v == lua.LNil {
			v = m.L.GetTable(repl, k)
		}
	case *lua.LFunction:
		m.L.Push(repl)
		m.L.Call(m.push(s, e, true), 1)
		v = m.L.Get(-1)
		m.L.Pop(1)
	}
	if lua.LVIsFalse(v) {
		m.write(out, m.src[s:e])
		return
	}
	text, ok := textOf(v)
	if !ok {
		raise(m.L, "invalid replacement value (a %s)", v.Type().String())
	}
	m.write(out, text)
}

// write adds to what gsub returns: one replacement may have very many pieces.
func (m *matcher) write(out *bytes.Buffer, text string) {
	if out.Len()+len(text) > longest {
		raise(m.L, "string length overflow")
	}
	m.burnFor(1 + len(text)/bytesPerFuel)
	out.WriteString(text)
}

func (m *matcher) writeByte(out *bytes.Buffer, c byte) {
	if out.Len() >= longest {
		raise(m.L, "string length overflow")
	}
	out.WriteByte(c)
}
