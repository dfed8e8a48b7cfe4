package db

import (
	"strings"
	"testing"
)

// TestOverwrite holds when a string is overwritten in place, that its deadline stays, and
// that a view goes on seeing what it saw.
func TestOverwrite(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, r := range []struct {
		key, val, with string
		want           bool
	}{
		{"k", "123", "456", true},
		{long, "123", "456", true}, // a long key keeps its value outside of the page
		{"k", "", "", true},
		{"k", "99", "100", false},
		{"k", "100", "99", false},
		{"k", long, long[1:] + "y", false},
	} {
		k, _ := newTest(1)
		d := k.DB(0)
		d.SetString([]byte(r.key), []byte(r.val), Text, start+5000)
		v := d.View()
		if got := d.Overwrite(d.ForWrite([]byte(r.key)), []byte(r.with), Plain); got != r.want {
			t.Errorf("%.5q over %.5q under %.5q: %v", r.with, r.val, r.key, got)
		}
		want := r.val
		if r.want {
			want = r.with
		}
		it := d.Peek([]byte(r.key))
		if string(it.Bytes()) != want || it.ExpireAt() != start+5000 {
			t.Errorf("%.5q over %.5q: now %.5q until %d", r.with, r.val, it.Bytes(), it.ExpireAt())
		}
		if r.want && want != "" && it.Encoding() != "int" {
			t.Errorf("%.5q over %.5q: encoding %s", r.with, r.val, it.Encoding())
		}
		v.Each(func(it Item) bool {
			if string(it.Bytes()) != r.val {
				t.Errorf("%.5q over %.5q: the view sees %.5q", r.with, r.val, it.Bytes())
			}
			return true
		})
		v.Release()
	}
}
