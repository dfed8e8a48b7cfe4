package script

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Options say on what, and as whom, a script is played.
type Options struct {
	// Dial makes one more connection to the server, always with RESP2 spoken.
	Dial func() (Conn, error)
	// Proto is 2 or 3: what every client speaks unless the script says otherwise.
	Proto int
	// Version is the server's redis_version; sections "since" a later one are skipped.
	// Empty plays all.
	Version string
	// Redust plays the redust-only sections.
	Redust bool
	// Timeout bounds the wait for a reply; 0 means 5 s.
	Timeout time.Duration
	// Sleep lets the server's time pass; nil means time.Sleep.
	Sleep func(time.Duration)
}

// Difference is an expectation that did not hold.
type Difference struct {
	File      string
	Line      int
	Proto     int
	Command   string
	Want, Got string
}

// String shows the difference with a place that an editor can jump to.
func (d Difference) String() string {
	return fmt.Sprintf("%s:%d: (resp%d) %s\n   want %s\n   got  %s", d.File, d.Line, d.Proto, d.Command, d.Want, d.Got)
}

// Play plays the script once and returns what differed. An error says that it could not be
// played to its end: no connection, bytes that are not RESP, a configuration refused.
func Play(f *File, o Options) ([]Difference, error) {
	var out []Difference
	err := run(f, o, func(p *player, s *step, proto int, got Value) {
		want, shown := s.expects(p.o.Proto), "no expectation is written (record one with -rewrite)"
		if want != nil {
			if want.matches(got, proto, p.vars) {
				return
			}
			shown = want.source
		}
		out = append(out, Difference{f.Name, s.line, p.o.Proto, strings.TrimSpace(f.lines[s.line-1]), shown, got.Format(proto)})
	})
	return out, err
}

// Record plays the script under both protocols and returns its text with every expectation
// that did not hold, or was not there, replaced by what the server said. A ~sorted stays one.
func Record(f *File, o Options) (string, error) {
	type heard struct {
		got   [4]Value
		proto [4]int // 0: the step was skipped
		holds [4]bool
	}
	all := make(map[*step]*heard)
	for _, proto := range []int{2, 3} {
		o.Proto = proto
		err := run(f, o, func(p *player, s *step, spoken int, got Value) {
			h := all[s]
			if h == nil {
				h = &heard{}
				all[s] = h
			}
			h.got[proto], h.proto[proto] = got, spoken
			want := s.expects(proto)
			h.holds[proto] = want != nil && want.matches(got, spoken, p.vars)
		})
		if err != nil {
			return "", err
		}
	}
	var out []string
	next := 0
	for _, s := range f.steps {
		h := all[s]
		if h == nil || (h.holds[2] || h.proto[2] == 0) && (h.holds[3] || h.proto[3] == 0) {
			continue
		}
		main, both := 2, h.proto[2] != 0 && h.proto[3] != 0
		if h.proto[2] == 0 {
			main = 3
		}
		text := recorded(s.want[2], h.holds[main], h.got[main].Format(h.proto[main]))
		var marked string
		if p, err := parsePattern(text); err != nil {
			return "", fmt.Errorf("script: %s:%d: recorded reply: %w", f.Name, s.line, err)
		} else if both && !p.matches(h.got[3], h.proto[3], map[string]string{}) {
			marked = recorded(s.want[3], h.holds[3] && s.want[3] != nil, h.got[3].Format(h.proto[3]))
			if s.want[3] == nil && s.want[2] != nil && s.want[2].op == "sorted" {
				marked = "~sorted " + marked
			}
		}
		if s.inline || s.do == doReceive && !strings.Contains(text, "\n") && marked == "" {
			out = append(out, f.lines[next:s.line-1]...)
			head, _, _ := strings.Cut(f.lines[s.line-1], "<")
			out = append(out, head+"< "+text)
		} else {
			out = append(out, f.lines[next:s.line]...)
			out = append(out, strings.Split(text, "\n")...)
		}
		if marked != "" {
			out = append(out, strings.Split("3| "+marked, "\n")...)
		}
		next = max(s.to, s.line)
	}
	return strings.Join(append(out, f.lines[next:]...), "\n") + "\n", nil
}

// recorded keeps what held, and keeps an order free that was free before.
func recorded(old *pattern, holds bool, text string) string {
	switch {
	case old != nil && holds:
		return old.source
	case old != nil && old.op == "sorted" && strings.ContainsAny(text[:1], "[{sp"):
		return "~sorted " + text
	}
	return text
}

func (s *step) expects(proto int) *pattern {
	if proto == 3 && s.want[3] != nil {
		return s.want[3]
	}
	return s.want[2]
}

// player is one run of one script.
type player struct {
	o       Options
	clients map[string]*client
	vars    map[string]string
	undo    [][2]string
}

type client struct {
	conn  Conn
	proto int
}

// run plays the steps that hold and hands every reply, with the protocol spoken on that
// connection, to hear.
func run(f *File, o Options, hear func(p *player, s *step, proto int, got Value)) (err error) {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Sleep == nil {
		o.Sleep = time.Sleep
	}
	p := &player{o: o, clients: map[string]*client{}, vars: map[string]string{}}
	fail := func(line int, err error) error { return fmt.Errorf("script: %s:%d: %w", f.Name, line, err) }
	defer func() {
		for name := range p.clients {
			p.drop(name)
		}
		for i := len(p.undo) - 1; i >= 0; i-- {
			if e := p.control("CONFIG", "SET", p.undo[i][0], p.undo[i][1]); err == nil && e != nil {
				err = fail(len(f.lines), e)
			}
		}
	}()
	if err := p.control("FLUSHALL"); err != nil {
		return fail(1, err)
	}
	for _, s := range f.steps {
		if !s.holds(o) {
			continue
		}
		if err := p.step(s, hear); err != nil {
			return fail(s.line, err)
		}
	}
	return nil
}

func (p *player) step(s *step, hear func(p *player, s *step, proto int, got Value)) error {
	switch s.do {
	case doSleep:
		p.o.Sleep(s.sleep)
		return nil
	case doClose:
		p.drop(s.client)
		return nil
	case doConfig:
		return p.config(string(s.args[0]), string(s.args[1]))
	case doProto:
		c, err := p.client(s.client)
		if err != nil {
			return err
		}
		v, err := Do(c.conn, "HELLO", string(s.args[0]))
		if err == nil && v.Kind == '-' {
			err = errors.New(v.Text)
		}
		c.proto = int(s.args[0][0] - '0')
		return err
	}
	c, err := p.client(s.client)
	if err != nil {
		return err
	}
	if s.do != doReceive {
		args, err := p.substitute(s.args)
		if err != nil {
			return err
		}
		if err := c.conn.Send(args); err != nil && s.do == doSend {
			return err // of a command, the reply will tell: eof is a thing a script can expect
		}
		if s.do == doSend {
			return nil
		}
	}
	got, err := p.receive(c, s)
	if err != nil {
		return err
	}
	if s.do == doCommand && got.Kind != '-' { // these two change what is spoken from here on
		switch name := string(bytes.ToUpper(s.args[0])); {
		case name == "HELLO" && len(s.args) > 1 && len(s.args[1]) == 1:
			c.proto = int(s.args[1][0] - '0')
		case name == "RESET":
			c.proto = 2
		}
	}
	hear(p, s, c.proto, got)
	if got.Kind == EOF {
		p.drop(s.client)
	}
	return nil
}

// receive waits as long as the expectation deserves.
func (p *player) receive(c *client, s *step) (Value, error) {
	wait := p.o.Timeout
	if want := s.expects(p.o.Proto); want != nil && want.kind == Nothing || want == nil && s.do == doReceive {
		wait = 100 * time.Millisecond
	}
	raw, err := c.conn.Receive(wait)
	switch {
	case errors.Is(err, ErrTimeout):
		return Value{Kind: Nothing}, nil
	case errors.Is(err, io.EOF):
		return Value{Kind: EOF}, nil
	case err != nil:
		return Value{}, err
	}
	v, n, err := Decode(raw)
	if err == nil && n != len(raw) {
		err = fmt.Errorf("a reply of %d bytes came with %d more: %.60q", n, len(raw)-n, raw)
	}
	return v, err
}

// client finds the connection of that name or makes it.
func (p *player) client(name string) (*client, error) {
	if c := p.clients[name]; c != nil {
		return c, nil
	}
	conn, err := p.o.Dial()
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, proto: 2}
	p.clients[name] = c
	if p.o.Proto == 3 {
		v, err := Do(conn, "HELLO", "3")
		if err != nil {
			return nil, err
		}
		if v.Kind == '-' {
			return nil, fmt.Errorf("HELLO 3: %s", v.Text)
		}
		c.proto = 3
	}
	return c, nil
}

func (p *player) drop(name string) {
	if c := p.clients[name]; c != nil {
		_ = c.conn.Close() // the server may have closed it before us
		delete(p.clients, name)
	}
}

// control runs a command that belongs to no client of the script.
func (p *player) control(words ...string) error {
	conn, err := p.o.Dial()
	if err != nil {
		return err
	}
	v, err := Do(conn, words...)
	if err == nil && v.Kind == '-' {
		err = fmt.Errorf("%s: %s", strings.Join(words, " "), v.Text)
	}
	return errors.Join(err, conn.Close())
}

// config sets a directive and remembers how it was.
func (p *player) config(name, value string) error {
	conn, err := p.o.Dial()
	if err != nil {
		return err
	}
	v, err := Do(conn, "CONFIG", "GET", name)
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	if len(v.Items) != 2 {
		return fmt.Errorf("CONFIG GET %s: %s", name, v.Format(2))
	}
	p.undo = append(p.undo, [2]string{name, v.Items[1].Text})
	return p.control("CONFIG", "SET", name, value)
}

// substitute puts saved values in place of ${name}.
func (p *player) substitute(args [][]byte) ([][]byte, error) {
	out := append([][]byte(nil), args...)
	for i, arg := range args {
		if s := string(arg); strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") {
			value, ok := p.vars[s[2:len(s)-1]]
			if !ok {
				return nil, fmt.Errorf("%s was not saved", strconv.Quote(s))
			}
			out[i] = []byte(value)
		}
	}
	return out, nil
}
