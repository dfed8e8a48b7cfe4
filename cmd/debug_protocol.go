package cmd

import "redust/db/glob"

// debugProtocol replies with a value of the type asked for, by which a client library
// tests how it reads each of them. The values are Redis's.
func debugProtocol(c *Ctx) error {
	out, kind := c.Out, c.Arg(2)
	for _, p := range []struct {
		name  string
		write func()
	}{
		{"STRING", func() { out.Str("Hello World") }},
		{"INTEGER", func() { out.Int(12345) }},
		{"DOUBLE", func() { out.Double(3.141) }},
		{"BIGNUM", func() { out.BigNumber("1234567999999999999999999999999999999") }},
		{"NULL", func() { out.Null() }},
		{"ARRAY", func() { out.Array(3); protocolInts(c) }},
		{"SET", func() { out.Set(3); protocolInts(c) }},
		{"MAP", func() {
			out.Map(3)
			for i := range int64(3) {
				out.Int(i)
				out.Bool(i == 1)
			}
		}},
		{"ATTRIB", func() {
			if out.Attribute(1) {
				out.Str("key-popularity")
				out.Array(2)
				out.Str("key:123")
				out.Int(90)
			}
			out.Str("Some real reply following the attribute")
		}},
		{"VERBATIM", func() { out.Verbatim("txt", "This is a verbatim\nstring") }},
		{"TRUE", func() { out.Bool(true) }},
		{"FALSE", func() { out.Bool(false) }},
	} {
		if fold(kind, p.name) {
			p.write()
			return nil
		}
	}
	if !fold(kind, "PUSH") {
		return ErrProtocolType
	}
	if out.Proto != 3 {
		return ErrNoPush
	}
	out.Push(2)
	out.Str("server-cpu-usage")
	out.Int(42)
	out.Str("Some real reply following the push reply")
	return nil
}

func protocolInts(c *Ctx) {
	for i := range int64(3) {
		c.Out.Int(i)
	}
}

// debugStringMatch replies whether a pattern matches, 1 or 0.
func debugStringMatch(c *Ctx) error {
	if glob.Match(c.Arg(2), c.Arg(3), false) {
		c.Out.Int(1)
	} else {
		c.Out.Int(0)
	}
	return nil
}
