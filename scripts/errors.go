package scripts

import (
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// Errors. A script that fails gets an error reply with the place where it happened:
//
//	-ERR user_script:3: attempt to call a nil value script: 5c1f..., on @user_script:3.
//	 |   what was raised                                  name        where, as of then
//
// What is raised is a text, with its place in front if Lua raised it, or a table with a
// text in its field err. located runs while the frames of the failure are still there.

// located is the handler of errors: it notes where one came from.
func (s *state) located(L *lua.LState) int {
	v := s.worded(L, L.Get(1))
	for level := 1; level <= 2; level++ {
		dbg, ok := L.GetStack(level)
		if !ok {
			break
		}
		if _, err := L.GetInfo("Sl", dbg, lua.LNil); err == nil && dbg.CurrentLine > 0 {
			s.source, s.line = dbg.Source, dbg.CurrentLine
			break
		}
	}
	L.SetTop(0)
	L.Push(v)
	return 1
}

// failure makes the error reply of what PCall returned.
func (s *state) failure(err error, name string) *Failure {
	f := &Failure{Text: "ERR " + err.Error()}
	if e, ok := err.(*lua.ApiError); ok {
		switch v := e.Object.(type) {
		case *lua.LTable:
			f.Text = "ERR unknown error"
			if text, ok := v.RawGetString("err").(lua.LString); ok {
				f.Text = string(text)
			}
			f.Counted = v.RawGetString("ignore_error_stats_update") == lua.LTrue
		case lua.LString:
			f.Text = "ERR " + string(v)
			if v == "lua callstack overflow" { // there was no room to find out where
				f.Text = "ERR " + s.chunk + ": stack overflow"
			}
		case lua.LNumber:
			f.Text = "ERR " + string(appendNum(nil, float64(v)))
		default:
			f.Text = "ERR " + v.String()
		}
	}
	if s.line > 0 {
		f.Text += " script: " + name + ", on @" + s.source + ":" + strconv.Itoa(s.line) + "."
	}
	return f
}

// wording is an error text of gopher-lua's and Lua's own.
type wording struct {
	re *regexp.Regexp
	to string
}

func wordings() []wording {
	w := func(re, to string) wording { return wording{regexp.MustCompile(re), to} }
	const where = `^(\S+:\d+:)? ?`
	return []wording{
		w(where+`attempt to index a non-table object\((.*?)\) with key '[^']*'$`, "$1 attempt to index a $2 value"),
		w(where+`attempt to call a non-function object$`, "$1 attempt to call a nil value"),
		w(where+`cannot perform (?:add|sub|mul|div|mod|pow) operation between (\S+) and (\S+)$`, "$1 attempt to perform arithmetic on a ${2}|$3 value"),
		w(where+`cannot perform concat operation between (\S+) and (\S+)$`, "$1 attempt to concatenate a ${2}|$3 value"),
		w(where+`__unm undefined$`, "$1 attempt to perform arithmetic on a nil value"),
		w(where+`__len undefined$`, "$1 attempt to get length of a nil value"),
		w(where+`bad argument #(\d+) to (?:\S+\.)?(\w+) \((.*)\)$`, "$1 bad argument #$2 to '$3' ($4)"),
		w(where+`for statement init must be a number$`, "$1 'for' initial value must be a number"),
		w(where+`for statement (\w+) must be a number$`, "$1 'for' $2 must be a number"),
		w(where+`(?:lua callstack overflow|registry overflow|stack overflow)$`, "$1 stack overflow"),
	}
}

// worded puts an error of the interpreter's into Lua's own words.
func (s *state) worded(L *lua.LState, v lua.LValue) lua.LValue {
	text, ok := v.(lua.LString)
	if !ok {
		return v
	}
	t := string(text)
	if named := s.named(L, t); named != "" {
		return lua.LString(named)
	}
	for _, w := range s.e.words() {
		if !w.re.MatchString(t) {
			continue
		}
		t = w.re.ReplaceAllString(t, w.to)
		if head, tail, found := strings.Cut(t, "|"); found { // which of two operands it was
			at := strings.LastIndexByte(head, ' ')
			left, right := head[at+1:], strings.TrimSuffix(tail, " value")
			bad := left
			if left == "number" || left == "string" && strings.Contains(head, "concatenate") {
				bad = right
			}
			t = head[:at+1] + bad + " value"
		}
		if m := equalTypes.FindStringSubmatch(t); m != nil && m[2] == m[3] {
			t = m[1] + "attempt to compare two " + m[2] + " values"
		}
		return lua.LString(strings.TrimPrefix(t, " "))
	}
	if m := equalTypes.FindStringSubmatch(t); m != nil && m[2] == m[3] {
		return lua.LString(m[1] + "attempt to compare two " + m[2] + " values")
	}
	return v
}

// named puts the two errors that Lua explains with a name into its words, or returns "".
func (s *state) named(L *lua.LState, text string) string {
	m := noIndex.FindStringSubmatch(text)
	if m == nil {
		m = noCall.FindStringSubmatch(text)
	}
	if m == nil {
		return ""
	}
	p, line := s.at(L)
	if p == nil || m[1] != s.chunk+":"+strconv.Itoa(line)+": " {
		return ""
	}
	if len(m) == 2 {
		if name := called(p, line); name != "" {
			return m[1] + "attempt to call " + name + " (a nil value)"
		}
		return ""
	}
	if name := indexed(p, line, m[3]); name != "" {
		return m[1] + "attempt to index " + name + " (a " + m[2] + " value)"
	}
	return ""
}

var (
	noIndex = regexp.MustCompile(`^(\S+:\d+: )attempt to index a non-table object\((.*?)\) with key '(.*)'$`)
	noCall  = regexp.MustCompile(`^(\S+:\d+: )attempt to call a non-function object$`)
)

var equalTypes = regexp.MustCompile(`^(\S+:\d+: )?attempt to compare (\w+) with (\w+)$`)

// words are the wordings, made when the first script fails.
func (e *Engine) words() []wording {
	if e.wordings == nil {
		e.wordings = wordings()
	}
	return e.wordings
}

// compileError is an error of the compiler, which says line, cause and what it was at.
type compileError string

func (e compileError) Error() string { return string(e) }

// compile compiles a source. The errors of gopher-lua's parser have no other cause than
// that the syntax is wrong, so all of them get the words that Lua uses most.
func compile(source, chunk string) (*lua.FunctionProto, error) {
	if err := checkNesting(source, chunk); err != nil {
		return nil, err
	}
	stmts, err := parse.Parse(strings.NewReader(source), chunk)
	if e, ok := err.(*parse.Error); ok {
		line, token := e.Pos.Line, e.Token
		if line == parse.EOF {
			line, token = strings.Count(source, "\n")+1, "<eof>"
		}
		return nil, compileError(chunk + ":" + strconv.Itoa(line) + ": " + "unexpected symbol" + " near '" + token + "'")
	}
	if err != nil {
		return nil, compileError(chunk + ":1: " + err.Error())
	}
	proto, err := lua.Compile(stmts, chunk)
	if e, ok := err.(*lua.CompileError); ok {
		return nil, compileError(chunk + ":" + strconv.Itoa(e.Line) + ": " + e.Message)
	}
	if err != nil {
		return nil, compileError(chunk + ":1: " + err.Error())
	}
	return proto, nil
}

// compileChunk is compile for a chunk that is called without arguments. Taking it for a
// function that may have some would make gopher-lua build a table of them for each call.
func compileChunk(source, chunk string) (*lua.FunctionProto, error) {
	proto, err := compile(source, chunk)
	if err == nil {
		proto.IsVarArg = 0
	}
	return proto, err
}
