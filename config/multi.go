package config

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"redust/internal/quote"
)

// saveValue is a list of snapshot rules. In a file each line adds its rules; the loader
// clears the defaults before the first line.
type saveValue struct{ p *[]SaveRule }

const errSave refusal = "Invalid save parameters"

func (v saveValue) set(args []string, loading bool) error {
	if len(args) == 1 && args[0] == "" {
		*v.p = nil
		return nil
	}
	if len(args)%2 != 0 {
		return errSave
	}
	var rules []SaveRule
	if loading {
		rules = append(rules, *v.p...)
	}
	for i := 0; i < len(args); i += 2 {
		s, err := strconv.ParseInt(args[i], 10, 64)
		n, err2 := strconv.ParseInt(args[i+1], 10, 64)
		if err != nil || err2 != nil || s < 1 || n < 0 {
			return errSave
		}
		rules = append(rules, SaveRule{s, n})
	}
	*v.p = rules
	return nil
}

func (v saveValue) rules() []string {
	var out []string
	for _, r := range *v.p {
		out = append(out, strconv.FormatInt(r.Seconds, 10)+" "+strconv.FormatInt(r.Changes, 10))
	}
	return out
}

func (v saveValue) String() string   { return strings.Join(v.rules(), " ") }
func (v saveValue) snapshot() func() { return remember(v.p) }

func (v saveValue) lines() []string {
	if len(*v.p) == 0 {
		return []string{`""`}
	}
	return v.rules()
}

// bindValue is the list of addresses to listen on.
type bindValue struct{ p *[]string }

// maxBind is how many addresses Redis takes.
const maxBind = 16

func (v bindValue) set(args []string, _ bool) error {
	if len(args) > maxBind {
		return refusal("Too many bind addresses specified.")
	}
	if len(args) == 1 && args[0] == "" {
		args = nil
	}
	for _, a := range args {
		if a == "" || a == "-" { // would be every address there is
			return refusal("Invalid bind address.")
		}
	}
	*v.p = append([]string(nil), args...)
	return nil
}

func (v bindValue) String() string   { return strings.Join(*v.p, " ") }
func (v bindValue) snapshot() func() { return remember(v.p) }

func (v bindValue) lines() []string {
	if len(*v.p) == 0 {
		return []string{`""`}
	}
	out := make([]string, len(*v.p))
	for i, a := range *v.p {
		out[i] = quote.IfNeeded(a)
	}
	return []string{strings.Join(out, " ")}
}

// limitsValue is one line of four words per class of clients; the classes that a line
// does not name keep theirs.
type limitsValue struct{ p *[3]BufferLimit }

const (
	errLimitArgs  refusal = "Wrong number of arguments in buffer limit configuration."
	errLimitClass refusal = "Invalid client class specified in buffer limit configuration."
	errLimitValue refusal = "Error in hard, soft or soft_seconds setting in buffer limit configuration."
)

func (v limitsValue) set(args []string, _ bool) error {
	if len(args)%4 != 0 {
		return errLimitArgs
	}
	next := *v.p
	for ; len(args) > 0; args = args[4:] {
		class := indexFold("normal slave pubsub", args[0])
		if strings.EqualFold(args[0], "replica") {
			class = ClassReplica
		}
		if class < 0 {
			return errLimitClass
		}
		hard, ok := ParseMemory(args[1])
		soft, ok2 := ParseMemory(args[2])
		secs, err := strconv.ParseInt(args[3], 10, 64)
		if !ok || !ok2 || err != nil || secs < 0 {
			return errLimitValue
		}
		next[class] = BufferLimit{int64(min(hard, math.MaxInt64)), int64(min(soft, math.MaxInt64)), secs}
	}
	*v.p = next
	return nil
}

func (v limitsValue) each(names string, size func(int64) string) []string {
	var out []string
	for i, name := range strings.Fields(names) {
		l := v.p[i]
		out = append(out, name+" "+size(l.Hard)+" "+size(l.Soft)+" "+strconv.FormatInt(l.SoftSeconds, 10))
	}
	return out
}

func (v limitsValue) String() string {
	plain := func(n int64) string { return strconv.FormatInt(n, 10) }
	return strings.Join(v.each("normal slave pubsub", plain), " ")
}

func (v limitsValue) lines() []string  { return v.each("normal replica pubsub", formatMemory) }
func (v limitsValue) snapshot() func() { return remember(v.p) }

// eventsValue is the set of letters of notify-keyspace-events.
type eventsValue struct{ p *Events }

func (v eventsValue) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	e, ok := ParseEvents(s)
	if !ok {
		return refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
	}
	*v.p = e
	return nil
}

func (v eventsValue) String() string   { return v.p.String() }
func (v eventsValue) lines() []string  { return []string{quote.Word(v.p.Letters())} }
func (v eventsValue) snapshot() func() { return remember(v.p) }

// percentilesValue is a list of percentages, fractions allowed.
type percentilesValue struct{ p *[]float64 }

func (v percentilesValue) set(args []string, _ bool) error {
	if len(args) == 1 && args[0] == "" {
		args = nil
	}
	var next []float64
	for _, a := range args {
		f, err := strconv.ParseFloat(a, 64)
		if err != nil && !errors.Is(err, strconv.ErrRange) || f != f {
			return refusal("Invalid latency-tracking-info-percentiles parameters")
		}
		if f < 0 || f > 100 {
			return refusal("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
		}
		next = append(next, f)
	}
	*v.p = next
	return nil
}

func (v percentilesValue) String() string {
	out := make([]string, len(*v.p))
	for i, f := range *v.p {
		out[i] = strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strings.Join(out, " ")
}

func (v percentilesValue) snapshot() func() { return remember(v.p) }

func (v percentilesValue) lines() []string {
	if len(*v.p) == 0 {
		return []string{`""`}
	}
	return []string{v.String()}
}

// masterValue is host and port, or "no one".
type masterValue struct {
	host *string
	port *int
}

func (v masterValue) set(args []string, _ bool) error {
	if len(args) != 2 {
		return errArgs
	}
	if strings.EqualFold(args[0], "no") && strings.EqualFold(args[1], "one") {
		*v.host, *v.port = "", 0
		return nil
	}
	port, err := strconv.Atoi(args[1])
	if err != nil || port < 0 || port > 65535 {
		return refusal("Invalid master port")
	}
	*v.host, *v.port = args[0], port
	return nil
}

func (v masterValue) String() string {
	if *v.host == "" {
		return ""
	}
	return *v.host + " " + strconv.Itoa(*v.port)
}

func (v masterValue) lines() []string {
	if *v.host == "" {
		return nil
	}
	return []string{quote.IfNeeded(*v.host) + " " + strconv.Itoa(*v.port)}
}

func (v masterValue) snapshot() func() {
	host, port := remember(v.host), remember(v.port)
	return func() { host(); port() }
}

// shutdownValue is a set of words.
type shutdownValue struct{ p *ShutdownFlags }

func (v shutdownValue) set(args []string, _ bool) error {
	if len(args) == 0 {
		return notAmong(shutdownWords)
	}
	var f ShutdownFlags
	for _, a := range args {
		i := indexFold(shutdownWords, a)
		if i < 0 {
			return notAmong(shutdownWords)
		}
		f |= 1 << i >> 1 // the first word, default, is no bit
	}
	if f&ShutdownSave != 0 && f&ShutdownNoSave != 0 {
		return refusal("shutdown options SAVE and NOSAVE can't be used simultaneously")
	}
	*v.p = f
	return nil
}

func (v shutdownValue) String() string   { return v.p.String() }
func (v shutdownValue) lines() []string  { return []string{v.String()} }
func (v shutdownValue) snapshot() func() { return remember(v.p) }

// oomValue is the three numbers of oom-score-adj-values.
type oomValue struct{ p *[3]int }

func (v oomValue) set(args []string, _ bool) error {
	if len(args) != len(v.p) {
		return errArgs
	}
	var next [3]int
	for i, a := range args {
		n, err := strconv.Atoi(a)
		if err != nil || n < -2000 || n > 2000 {
			return refusal("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
		}
		next[i] = n
	}
	*v.p = next
	return nil
}

func (v oomValue) String() string {
	return strconv.Itoa(v.p[0]) + " " + strconv.Itoa(v.p[1]) + " " + strconv.Itoa(v.p[2])
}

func (v oomValue) lines() []string  { return []string{v.String()} }
func (v oomValue) snapshot() func() { return remember(v.p) }

// dirValue is the working directory. It is checked here and entered by the caller; a
// relative one is taken from the directory before it.
type dirValue struct{ p *string }

func (v dirValue) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	if s == "" {
		return cause(syscall.ENOENT)
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(*v.p, s)
	}
	if s, err = filepath.Abs(s); err != nil {
		return cause(err)
	}
	// The name without links is what getcwd would return after a chdir.
	if s, err = filepath.EvalSymlinks(s); err != nil {
		return cause(err)
	}
	fi, err := os.Stat(s)
	if err != nil {
		return cause(err)
	}
	if !fi.IsDir() {
		return cause(syscall.ENOTDIR)
	}
	const search = 1 // X_OK
	if err := syscall.Access(s, search); err != nil {
		return cause(err)
	}
	*v.p = s
	return nil
}

func (v dirValue) String() string   { return *v.p }
func (v dirValue) lines() []string  { return []string{quote.Word(*v.p)} }
func (v dirValue) snapshot() func() { return remember(v.p) }

// cause reduces an error of the operating system to its bare text, with the capital
// that strerror gives it.
func cause(err error) error {
	var no syscall.Errno
	if !errors.As(err, &no) {
		return err
	}
	s := no.Error()
	return refusal(strings.ToUpper(s[:1]) + s[1:])
}
