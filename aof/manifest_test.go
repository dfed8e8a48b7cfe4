package aof

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseManifest(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, r := range []struct{ in, want string }{
		{"file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n", "a.1.base.rdb 1 b, a.1.incr.aof 1 i"},
		{"# a word\nfile a seq 1 type i\nfile b seq 7 type i\nfile c seq 2 type h\n", "c 2 h, a 1 i, b 7 i"},
		{"  FILE \"a b\\x01\" Seq 1 type i extra yes \r\n", "a b\x01 1 i"}, // later versions may say more
		{"file 'it' seq 1 type incr\n", "it 1 i"},                          // the first letter counts
		{"", "1: Found an empty AOF manifest"},
		{"\n", "1: Invalid AOF manifest file format"},
		{"file a seq 1 type i", "1: The AOF manifest file contains too long line"},
		{"file " + long + " seq 1 type i\n", "1: The AOF manifest file contains too long line"},
		{"file a seq 1 type i\nfile a seq 1\n", "2: Invalid AOF manifest file format"},
		{"file a seq 1 type i more\n", "1: Invalid AOF manifest file format"},
		{"file \"a seq 1 type i\n", "1: Invalid AOF manifest file format"},
		{"file a seq x type i\n", "1: Invalid AOF manifest file format"},
		{"file a seq 1 type \"\"\n", "1: Invalid AOF manifest file format"},
		{"file ../a seq 1 type i\n", "1: File can't be a path, just a filename"},
		{"file .. seq 1 type i\n", "1: File can't be a path, just a filename"},
		{"file a seq 1 type b\nfile b seq 2 type b\n", "2: Found duplicate base file information"},
		{"file a seq 2 type i\nfile b seq 2 type i\n", "2: Found a non-monotonic sequence number"},
		{"file a seq 1 type z\n", "1: Unknown AOF file type"},
	} {
		m, err := ParseManifest([]byte(r.in))
		var bad *ManifestError
		if errors.As(err, &bad) {
			if got := strings.TrimSpace(strings.Join([]string{string('0' + byte(bad.Line)), bad.Reason}, ": ")); got != r.want {
				t.Errorf("%q: %s, want %s", r.in, got, r.want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, f := range append(append([]File(nil), m.History...), m.Files()...) {
			all = append(all, f.Name+" "+string('0'+byte(f.Seq))+" "+string(f.Type))
		}
		if got := strings.Join(all, ", "); got != r.want {
			t.Errorf("%q: %s, want %s", r.in, got, r.want)
		}
		again, err := ParseManifest(m.Append(nil))
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Errorf("%q: written and read again it is %v, %v", r.in, again, err)
		}
	}
}

func TestManifestGenerations(t *testing.T) {
	m := new(Manifest)
	m.Replace(m.NextBase("a", true), []File{m.NextIncr("a")})
	m.Incr = append(m.Incr, m.NextIncr("a"))
	m.Replace(m.NextBase("a", false), m.Incr[1:])
	want := "file a.2.base.aof seq 2 type b\nfile a.1.base.rdb seq 1 type h\nfile a.1.incr.aof seq 1 type h\nfile a.2.incr.aof seq 2 type i\n"
	if got := string(m.Append(nil)); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	// A name that is about to be deleted is not used again.
	m.Base, m.Incr = nil, nil
	if f := m.NextBase("a", true); f.Seq != 2 {
		t.Errorf("next base is %v", f)
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte("file a.1.base.rdb seq 1 type b\nfile \"a \\x01\" seq 1 type i\n# c\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ParseManifest(text)
		if err != nil || len(m.Append(nil)) == 0 {
			return
		}
		for _, f := range m.Files() {
			if len(f.append(nil)) > maxLine {
				return // quoting made it longer than a line may be
			}
		}
		again, err := ParseManifest(m.Append(nil))
		if err != nil || !reflect.DeepEqual(m.Files(), again.Files()) {
			t.Fatalf("%q: %v, read back as %v, %v", text, m, again, err)
		}
	})
}
