package random

import (
	"slices"
	"testing"

	"redust/tests/script"
)

// TestHeardAlike holds what counts as the same, and what does not.
func TestHeardAlike(t *testing.T) {
	message := func(pattern, channel, text string) string {
		return ">4\r\n+pmessage\r\n+" + pattern + "\r\n+" + channel + "\r\n+" + text + "\r\n"
	}
	left := func(channel, n string) string { return ">3\r\n+unsubscribe\r\n+" + channel + "\r\n:" + n + "\r\n" }
	gone := func(keys string) string { return ">2\r\n+invalidate\r\n" + keys }
	const a, b, both, all = "*1\r\n+a\r\n", "*1\r\n+b\r\n", "*2\r\n+a\r\n+b\r\n", "_\r\n"
	for _, r := range []struct {
		kind int
		x, y []string
		want bool
	}{
		{subscriber, []string{message("1", "c", "m"), message("2", "c", "m")}, []string{message("2", "c", "m"), message("1", "c", "m")}, true},
		{subscriber, []string{message("1", "c", "m"), message("1", "c", "n")}, []string{message("1", "c", "n"), message("1", "c", "m")}, false},
		{subscriber, []string{message("1", "c", "m"), message("1", "d", "m")}, []string{message("1", "d", "m"), message("1", "c", "m")}, false},
		{subscriber, []string{message("1", "c", "m")}, []string{message("1", "c", "m"), message("1", "c", "m")}, false},
		{subscriber, []string{left("c", "1"), left("d", "0")}, []string{left("d", "1"), left("c", "0")}, true},
		{subscriber, []string{left("c", "1"), left("d", "0")}, []string{left("c", "0"), left("d", "1")}, false},
		{tracker, []string{gone(a), gone(b)}, []string{gone(b), gone(a)}, false},
		{tracker, []string{gone(a), "+OK\r\n"}, []string{"+OK\r\n", gone(a)}, false},
		{broadcastee, []string{gone(a), "+OK\r\n", gone(b)}, []string{"+OK\r\n", gone(both)}, true},
		{broadcastee, []string{gone(a), gone(all)}, []string{gone(a)}, false},
		{broadcastee, []string{gone(both)}, []string{gone(a)}, false},
	} {
		decoded := func(raw []string) (frames []script.Value) {
			for _, one := range raw {
				v, _, err := script.Decode([]byte(one))
				if err != nil {
					t.Fatal(err)
				}
				frames = append(frames, v)
			}
			return inOrder(r.kind, frames)
		}
		if got := slices.EqualFunc(decoded(r.x), decoded(r.y), sameFrame); got != r.want {
			t.Errorf("listener %d: %q and %q: %v", r.kind, r.x, r.y, got)
		}
	}
}
