package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports holds the direction of imports: what each folder may use of this module.
// A folder stands for the packages below it unless those have a line of their own.
// ARCHITECTURE.md argues the table.
func TestImports(t *testing.T) {
	const any = "*"
	may := map[string]string{
		"":                  any,
		"loop":              "cmd resp config metrics internal",
		"cmd":               "db resp acl rdb scripts config metrics internal",
		"db":                "db internal",
		"db/cow":            "internal",
		"db/table":          "db/cow internal",
		"db/wheel":          "internal",
		"db/listpack":       "internal",
		"db/intset":         "internal",
		"db/geo":            "internal",
		"db/sorting":        "internal",
		"db/ztree":          "db/cow internal",
		"db/seq":            "db/cow db/listpack internal",
		"db/stream":         "db/cow db/listpack internal",
		"db/glob":           "internal",
		"db/hll":            "internal",
		"db/bits":           "internal",
		"db/lcs":            "internal",
		"resp":              "internal",
		"rdb":               "db internal",
		"aof":               "db rdb resp internal",
		"repl":              "rdb resp internal",
		"acl":               "internal",
		"config":            "internal",
		"metrics":           "internal",
		"scripts":           "resp internal",
		"internal/assert":   "",
		"internal/dtoa":     "",
		"internal/quote":    "",
		"internal/blocking": "",
		"internal/disk":     "internal",
		"benchmarks":        any,
		"tests":             any,
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	rule := func(pkg string) (string, string, bool) {
		for dir := pkg; ; {
			if allowed, ok := may[dir]; ok {
				return dir, allowed, true
			}
			cut := strings.LastIndexByte(dir, '/')
			if cut < 0 {
				return "", "", false
			}
			dir = dir[:cut]
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		pkg, imports, _ := strings.Cut(line, ": ")
		pkg = strings.TrimPrefix(strings.TrimPrefix(pkg, "redust"), "/")
		dir, allowed, ok := rule(pkg)
		if !ok {
			t.Errorf("%s has no line in the table", pkg)
			continue
		}
		if allowed == any {
			continue
		}
		for _, imp := range strings.Fields(imports) {
			target, ours := strings.CutPrefix(imp, "redust/")
			if !ours {
				continue
			}
			if within(target, dir) {
				continue
			}
			fits := false
			for _, a := range strings.Fields(allowed) {
				fits = fits || within(target, a)
			}
			if !fits {
				t.Errorf("%s imports %s, which is not below it", pkg, target)
			}
		}
	}
}

// within tells whether a package lies in a folder.
func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
