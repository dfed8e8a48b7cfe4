package cmd

import (
	"bytes"

	"redust/resp"
)

// Where the keys of a request are is declared as key specs. Two things follow from them:
// the places of the keys among given arguments (KeysOf), and one range that covers what
// can be covered (legacyRange), which old clients are told and which Prepare looks at.
//
//	BITOP AND dest a b c     specs: argument 2 | from argument 3 to the last
//	          ----           KeysOf: 2, 3, 4, 5
//	               - - -     range: first 2, last -1, step 1
//
// A few commands cannot be described so: where SORT stores to depends on what else is
// said, and whether SET reads depends on its options. They have a FindKeys.

// KeyAt is one key among the arguments of a request.
type KeyAt struct {
	Index int
	Flags KeyFlags
}

// FirstKey is the place of the first key, if it stands at a fixed place, else 0.
func (c *Command) FirstKey() int { return c.first }

// legacyRange derives COMMAND INFO's first, last and step, and MovableKeys, from the key
// specs. A single range is taken as it is. Of several, those count that have step 1 and
// join the one before; MovableKeys tells that there are more.
func (c *Command) legacyRange() {
	before := 0 // the last key of the range so far
	for _, s := range c.Keys {
		fixed := s.Begin.Index > 0 && !s.Find.KeyNum && s.Find.Step > 0
		if s.Flags&Incomplete != 0 {
			c.Flags |= MovableKeys
		}
		if !fixed || len(c.Keys) > 1 && (s.Find.Step != 1 || before != 0 && before != s.Begin.Index-1) {
			c.Flags |= MovableKeys
			continue
		}
		last := s.Find.Last
		if last >= 0 {
			last += s.Begin.Index
		}
		if c.first == 0 {
			c.first, c.step = s.Begin.Index, s.Find.Step
		}
		c.last, before = last, last
	}
}

// hasKeys tells whether the command has keys at all, wherever.
func (c *Command) hasKeys() bool {
	for i := range c.Keys {
		if c.Keys[i].Flags&NotKey == 0 {
			return true
		}
	}
	return false
}

// KeysOf appends the places of all keys in args, which call c, to dst. It reports false
// if the arguments do not hold the keys they should.
func (c *Command) KeysOf(args [][]byte, dst []KeyAt) ([]KeyAt, bool) {
	if c.FindKeys != nil {
		return c.FindKeys(args, dst)
	}
	ok := true
	for i := range c.Keys {
		before := len(dst)
		var some bool
		dst, some = c.Keys[i].collect(args, dst)
		none := c.Keys[i].Find.KeyNum && len(dst) == before && c.Flags&NoMandatoryKeys == 0
		if !some || none {
			ok = false
		}
	}
	return dst, ok
}

// setKeys finds the key of SET, which reads it only if asked to.
func setKeys(args [][]byte, dst []KeyAt) ([]KeyAt, bool) {
	if len(args) < 3 {
		return dst, false
	}
	flags := OW | Update
	for _, a := range args[3:] {
		if fold(a, "GET") || fold(a, "IFEQ") {
			flags = RW | Access | Update
		}
	}
	return append(dst, KeyAt{1, flags}), true
}

// bitfieldKeys finds the key of BITFIELD, which is only read if all that is said is GET.
func bitfieldKeys(args [][]byte, dst []KeyAt) ([]KeyAt, bool) {
	if len(args) < 2 {
		return dst, false
	}
	for i := 2; i < len(args); i++ {
		left := len(args) - i - 1
		switch {
		case fold(args[i], "GET") && left >= 2:
			i += 2
		case fold(args[i], "OVERFLOW") && left >= 1:
			i++
		default:
			return append(dst, KeyAt{1, RW | Access | Update}), true
		}
	}
	return append(dst, KeyAt{1, RO | Access}), true
}

func (s *KeySpec) collect(args [][]byte, dst []KeyAt) ([]KeyAt, bool) {
	if s.Flags&NotKey != 0 {
		return dst, true
	}
	begin := s.Begin.Index
	if s.Begin.Keyword != "" {
		if begin = s.search(args); begin == 0 || begin >= len(args) {
			return dst, true // an option that was not given
		}
	}
	if begin == 0 || begin >= len(args) {
		return dst, begin == 0
	}
	last, step := 0, s.Find.Step
	switch {
	case s.Find.KeyNum:
		at := begin + s.Find.KeyNumIdx
		if at >= len(args) {
			return dst, false
		}
		n, ok := resp.ParseInt(args[at])
		if !ok || n <= 0 || n > int64(len(args)) {
			return dst, ok && n == 0
		}
		begin += s.Find.First
		last = begin + (int(n)-1)*step
	case step == 0:
		return dst, true
	case s.Find.Last >= 0:
		last = begin + s.Find.Last
	case s.Find.Limit > 1:
		last = begin + (len(args)-begin)/s.Find.Limit + s.Find.Last
	default:
		last = len(args) + s.Find.Last
	}
	if last >= len(args) || last < begin {
		return dst, false
	}
	for i := begin; i <= last; i += step {
		dst = append(dst, KeyAt{i, s.Flags})
	}
	return dst, true
}

// search returns the place after the spec's keyword, or 0.
func (s *KeySpec) search(args [][]byte) int {
	from, dir := s.Begin.From, 1
	if from < 0 {
		from, dir = len(args)+from, -1
	}
	for i := from; i > 0 && i < len(args); i += dir {
		if bytes.EqualFold(args[i], []byte(s.Begin.Keyword)) {
			return i + 1
		}
	}
	return 0
}
