package cmd

import (
	"slices"
	"strconv"
	"strings"
)

// MONITOR shows a client what all clients do, a line a command:
//
//	+1795443405.900011 [0 127.0.0.1:38244] "SET" "k" "v\x01"
//	 when, seconds      |  whose            arguments, quoted
//	                    its database, after the command
//
// A line is built once and copied to each monitor's replies. Administrative commands
// are not shown, and of AUTH and HELLO not what is secret. Without monitors a command
// pays one comparison; with them the line is the only allocation.

func monitorCommands() []*Command {
	return []*Command{
		{
			Name: "monitor", Arity: 1, Run: monitor,
			Flags: AdminCmd | NoScript | Loading | Stale,
			Doc: Doc{Group: "server", Since: "1.0.0",
				Summary: "Shows this connection every command that the server runs, as it runs."},
		},
	}
}

// monitor makes the client a follower, which it cannot become in the middle of other
// replies. For one that is there is nothing to do, and no reply either.
func monitor(c *Ctx) error {
	if c.Client.Has(ClientMonitor) {
		return nil
	}
	if c.NoBlock {
		return ErrMonitorInside
	}
	c.Client.Flags |= ClientMonitor
	c.monitors = append(c.monitors, c.Client)
	c.Out.OK()
	return nil
}

// feedMonitors shows a command to the clients that follow MONITOR.
func (s *Server) feedMonitors(c *Ctx) {
	line := appendMonitorLine(make([]byte, 0, 256), s.unixUs, c.Client, s.redacted(c.Cmd, c.Args))
	for _, m := range s.monitors {
		if m.Flags&(ClientReplyOff|ClientReplySkip|clientKilled) != 0 {
			continue
		}
		m.Out.Raw(line)
		if m != c.Client {
			m.Conn.Send()
		}
	}
}

// appendMonitorLine appends a whole reply; us is Unix microseconds.
func appendMonitorLine(b []byte, us int64, cl *Client, args [][]byte) []byte {
	b = strconv.AppendInt(append(b, '+'), us/1e6, 10)
	b = append(b, '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		b = append(b, byte('0'+us/unit%10))
	}
	b = strconv.AppendInt(append(b, " ["...), int64(cl.DB.ID), 10)
	b = append(b, ' ')
	if cl.Has(ClientInternal) {
		b = append(b, "lua"...)
	} else if cl.Has(ClientUnix) {
		b = append(append(b, "unix:"...), strings.TrimSuffix(cl.Addr, ":0")...)
	} else {
		b = append(b, cl.Addr...)
	}
	b = append(b, ']')
	for _, a := range args {
		b = AppendQuoted(append(b, ' '), a)
	}
	return append(b, "\r\n"...)
}

// unmonitor ends what MONITOR began.
func (s *Server) unmonitor(cl *Client) {
	cl.Flags &^= ClientMonitor
	if i := slices.Index(s.monitors, cl); i >= 0 {
		s.monitors = slices.Delete(s.monitors, i, i+1)
	}
}

// AppendQuoted appends b in double quotes, with escapes for all that is not printable
// ASCII.
func AppendQuoted(dst, b []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c == '\a':
			dst = append(dst, `\a`...)
		case c == '\b':
			dst = append(dst, `\b`...)
		case c < ' ' || c > '~':
			dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
