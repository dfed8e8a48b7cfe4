package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"redust/internal/quote"
)

// integer is any type a whole number is kept in.
type integer interface{ ~int | ~int64 }

// remember returns a func that puts *p back. A slice is kept by reference: values
// replace slices and never write into one they have handed out.
func remember[T any](p *T) func() {
	old := *p
	return func() { *p = old }
}

// one returns the only word, or an error.
func one(args []string) (string, error) {
	if len(args) != 1 {
		return "", errArgs
	}
	return args[0], nil
}

// outside is the error for a number that is not within its limits.
func outside(lo, hi int64) error {
	return fmt.Errorf("argument must be between %d and %d inclusive", lo, hi)
}

// boolValue is yes or no.
type boolValue struct{ p *bool }

func (v boolValue) set(args []string, _ bool) error {
	s, err := one(args)
	switch {
	case err != nil:
		return err
	case strings.EqualFold(s, "yes"):
		*v.p = true
	case strings.EqualFold(s, "no"):
		*v.p = false
	default:
		return errBool
	}
	return nil
}

func (v boolValue) String() string {
	if *v.p {
		return "yes"
	}
	return "no"
}

func (v boolValue) lines() []string  { return []string{v.String()} }
func (v boolValue) snapshot() func() { return remember(v.p) }

// intValue is a decimal number within limits.
type intValue[T integer] struct {
	p      *T
	lo, hi int64
	fit    func(T) T // brings a number to what the server can use, nil: as it is
}

func (v intValue[T]) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	n, err := parseInt(s)
	if err != nil {
		return err
	}
	if n < v.lo || n > v.hi {
		return outside(v.lo, v.hi)
	}
	*v.p = T(n)
	if v.fit != nil {
		*v.p = v.fit(T(n))
	}
	return nil
}

func (v intValue[T]) String() string   { return strconv.FormatInt(int64(*v.p), 10) }
func (v intValue[T]) lines() []string  { return []string{v.String()} }
func (v intValue[T]) snapshot() func() { return remember(v.p) }

// parseInt accepts a number in its only canonical form: no plus, no leading zero, no
// space.
func parseInt(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != s {
		return 0, errInteger
	}
	return n, nil
}

// autoValue is a decimal number or the word auto, kept as 0.
type autoValue struct{ intValue[int] }

func (v autoValue) set(args []string, loading bool) error {
	if len(args) == 1 && strings.EqualFold(args[0], "auto") {
		*v.p = 0
		return nil
	}
	return v.intValue.set(args, loading)
}

func (v autoValue) String() string {
	if *v.p == 0 {
		return "auto"
	}
	return v.intValue.String()
}

func (v autoValue) lines() []string { return []string{v.String()} }

// memoryValue is a number of bytes. Redis keeps some of them in 64 bits without a sign;
// here those take any size and end at what 63 bits hold, 8 EiB.
type memoryValue[T integer] struct {
	p        *T
	lo, hi   int64
	saturate bool // larger than hi means hi, and is no error
	percent  bool // "n%" is taken too, and kept as -n
}

func (v memoryValue[T]) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	if pc, ok := strings.CutSuffix(s, "%"); ok && v.percent {
		n, err := strconv.ParseInt(pc, 10, 64)
		if err != nil || n < 0 {
			return errPercent
		}
		if n > 100 {
			return refusal("percentage argument must be less or equal to 100")
		}
		*v.p = T(-n)
		return nil
	}
	n, ok := ParseMemory(s)
	if !ok && v.percent {
		return errPercent
	}
	if !ok {
		return errMemory
	}
	if v.saturate && n > uint64(v.hi) {
		n = uint64(v.hi)
	}
	if n > uint64(v.hi) || int64(n) < v.lo {
		return outside(v.lo, v.hi)
	}
	*v.p = T(n)
	return nil
}

func (v memoryValue[T]) String() string {
	if n := int64(*v.p); n < 0 {
		return strconv.FormatInt(-n, 10) + "%"
	}
	return strconv.FormatInt(int64(*v.p), 10)
}

func (v memoryValue[T]) lines() []string {
	if *v.p < 0 {
		return []string{v.String()}
	}
	return []string{formatMemory(int64(*v.p))}
}

func (v memoryValue[T]) snapshot() func() { return remember(v.p) }

// ParseMemory reads a number of bytes with an optional unit: k, m and g are powers of
// 1000, kb, mb and gb powers of 1024, b is one byte. What exceeds 64 bits becomes the
// largest number. No digits mean zero, as in Redis.
func ParseMemory(s string) (n uint64, ok bool) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	var unit uint64
	switch strings.ToLower(s[i:]) {
	case "", "b":
		unit = 1
	case "k":
		unit = 1000
	case "kb":
		unit = 1 << 10
	case "m":
		unit = 1000 * 1000
	case "mb":
		unit = 1 << 20
	case "g":
		unit = 1000 * 1000 * 1000
	case "gb":
		unit = 1 << 30
	default:
		return 0, false
	}
	if i == 0 {
		return 0, true
	}
	n, err := strconv.ParseUint(s[:i], 10, 64)
	if err != nil || n > math.MaxUint64/unit {
		return math.MaxUint64, true // nothing but digits: the one error left is overflow
	}
	return n * unit, true
}

// formatMemory writes the largest power of 1024 that divides n.
func formatMemory(n int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 30, "gb"}, {1 << 20, "mb"}, {1 << 10, "kb"}} {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// enumValue is one word of a list.
type enumValue[T ~uint8] struct {
	p     *T
	words string
}

func (v enumValue[T]) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	i := indexFold(v.words, s)
	if i < 0 {
		return notAmong(v.words)
	}
	*v.p = T(i)
	return nil
}

func (v enumValue[T]) String() string   { return word(v.words, *v.p) }
func (v enumValue[T]) lines() []string  { return []string{v.String()} }
func (v enumValue[T]) snapshot() func() { return remember(v.p) }

func indexFold(words, s string) int {
	for i, w := range strings.Fields(words) {
		if strings.EqualFold(w, s) {
			return i
		}
	}
	return -1
}

func notAmong(words string) error {
	return refusal("argument(s) must be one of the following: " + strings.Join(strings.Fields(words), ", "))
}

// stringValue is any bytes that check, if there is one, lets pass.
type stringValue struct {
	p     *string
	check func(string) error
}

func (v stringValue) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	if v.check != nil {
		if err := v.check(s); err != nil {
			return err
		}
	}
	*v.p = s
	return nil
}

func (v stringValue) String() string   { return *v.p }
func (v stringValue) snapshot() func() { return remember(v.p) }
func (v stringValue) lines() []string  { return []string{quote.Word(*v.p)} }

// optionalString is absent when empty: then no line says it.
type optionalString struct{ stringValue }

func (v optionalString) lines() []string {
	if *v.p == "" {
		return nil
	}
	return v.stringValue.lines()
}

// octalValue is a set of file mode bits.
type octalValue struct {
	p  *int
	hi int64
}

func (v octalValue) set(args []string, _ bool) error {
	s, err := one(args)
	if err != nil {
		return err
	}
	var n int64
	if s != "" {
		if n, err = strconv.ParseInt(s, 8, 64); err != nil {
			return errOctal
		}
	}
	if n < 0 || n > v.hi {
		return fmt.Errorf("argument must be between %o and %o inclusive", 0, v.hi)
	}
	*v.p = int(n)
	return nil
}

func (v octalValue) String() string   { return strconv.FormatInt(int64(*v.p), 8) }
func (v octalValue) lines() []string  { return []string{v.String()} }
func (v octalValue) snapshot() func() { return remember(v.p) }

// refusing lets a boolean stay no: yes names something this server does not have.
type refusing struct {
	boolValue
	why string
}

func (v refusing) set(args []string, loading bool) error {
	restore := v.snapshot()
	if err := v.boolValue.set(args, loading); err != nil {
		return err
	}
	if *v.p {
		restore()
		return refusal(v.why)
	}
	return nil
}
