package scripts

import "testing"

// TestSparse has tables with high numbers; what is wanted is what Lua 5.1 says.
func TestSparse(t *testing.T) {
	e, _ := newFake()
	const count = " local n, sum = 0, 0 for k, v in pairs(t) do n = n + 1 sum = sum + v if n > 300000 then return 'for ever' end end return {n, sum}"
	two := func(n, sum string) string { return "*2\r\n:" + n + "\r\n:" + sum + "\r\n" }
	for _, r := range []struct{ source, want string }{
		{"t[i] = v return t[200000]", ":5\r\n"},
		{"t[i] = v return t[i]", ":5\r\n"},
		{"t[i] = v return rawget(t, i)", ":5\r\n"},
		{"t[200000] = v return t[i]", ":5\r\n"},
		{"t[200000] = 1 return t[i]", ":1\r\n"},
		{"t[i] = 1 return t[200000]", ":1\r\n"},
		{"t = {[200000] = 4} return t[i]", ":4\r\n"},
		{"rawset(t, i, 7) return t[200000]", ":7\r\n"},
		{"t[i] = v t[i + 3] = 8 local a, b, c, d = unpack(t, i, i + 3) return {a, tostring(b), tostring(c), d}", "*4\r\n:5\r\n$3\r\nnil\r\n$3\r\nnil\r\n:8\r\n"},
		{"for j = i, i + 3 do t[j] = j - i end return table.concat(t, ',', i, i + 3)", "$7\r\n0,1,2,3\r\n"},
		{"t[i] = v t[200000] = 2" + count, two("1", "2")},
		{"t[i] = v rawset(t, i, 7)" + count, two("1", "7")},
		{"t[i] = v setmetatable(t, {}) t[i] = 6" + count, two("1", "6")},
		{"setmetatable(t, {}) t[i] = v t[200000] = 6" + count, two("1", "6")},
		{"t[i] = v t[200000] = nil" + count, two("0", "0")},
		{"t[i] = v rawset(t, i, nil) t[70000] = nil" + count, two("0", "0")},
		{"t[i] = v t[3] = 1 t.x = 2 t[-1] = 3 t[1.5] = 4 t[2^40] = 5 t[0] = 6" + count, two("7", "26")},
		{"for j = 1, 20 do t[j * 100000] = j end for k, v in pairs(t) do t[k] = v + 1 end" + count, two("20", "230")},
		{"for j = 1, 20 do t[j * 100000] = j end for k in pairs(t) do t[k] = nil end" + count, two("0", "0")},
		{"t[i] = v for j = 1, 199999 do t[j] = 0 end" + count, two("200000", "5")},
		{"t[i] = v for j = 1, 199999 do t[j] = 0 end return #t", ":200000\r\n"},
		{"t[i] = v for j = 1, 199999 do t[#t + 1] = 0 end return #t", ":200000\r\n"},
		{"t[i] = v for j = 1, 199999 do table.insert(t, 0) end return {#t, t[i]}", two("200000", "5")},
		{"t[i] = v for j = 1, 199998 do t[j] = 0 end table.insert(t, 1, 3) return {#t, t[200000]}", two("200000", "5")},
		{"for j = 100000, 1, -1 do t[j] = 1 end local n = 0 for _ in ipairs(t) do n = n + 1 end return {n, #t}", two("100000", "100000")},
		{"for j = 1, 100000 do t[j] = 1 end return {#t, t[100000]}", two("100000", "1")},
		{"for j = 1, 100000 do t[j] = 1 end for j = 1, 99990 do table.remove(t) end" + count, two("10", "10")},
		{"t[1] = 9 table.insert(t, i, v) return t[200000]", ":5\r\n"},
		{"t[i] = v return {#t, table.maxn(t)}", two("0", "200000")},
		{"t[i] = v local u = setmetatable({}, {__index = t}) return {u[i], u[200000]}", two("5", "5")},
		{"local u = setmetatable(t, {__index = function(_, k) return k + 1 end}) return {u[i], u[200000]}", two("200001", "200001")},
		{"t[i] = v setmetatable(t, {__index = error}) return t[200000]", ":5\r\n"},
		{"local u = setmetatable({}, {__newindex = t}) u[i] = 3 return {t[200000], tostring(rawget(u, i))}", "*2\r\n:3\r\n$3\r\nnil\r\n"},
		{"local u = setmetatable({}, {__newindex = function(_, k, v) t[k] = v + 1 end}) u[200000] = 3 return {t[i], tostring(rawget(u, i))}", "*2\r\n:4\r\n$3\r\nnil\r\n"},
		{"t[i] = v setmetatable(t, {__newindex = error}) t[200000] = 8 return t[i]", ":8\r\n"},
		{"return pcall(function() string[i] = 1 end) and 'written' or 'locked'", "$6\r\nlocked\r\n"},
		{"for j = 1, 100000 do t[j] = j end local a = {[70000] = 1, unpack(t, 1, 70000)} return a[70000]", ":70000\r\n"},
		{"t[i] = v return {next(t)}", two("200000", "5")},
		{"t[i] = v return tostring(next(t, i))", "$3\r\nnil\r\n"},
		{"t[70000] = 'a' return (string.gsub(string.rep('x', 70000), '()x', t)):sub(-2)", "$2\r\nxa\r\n"},
		{"t = cmsgpack.unpack(cmsgpack.pack({[i] = v})) return t[200000]", ":5\r\n"},
	} {
		if got := eval(t, e, "local i, v = 200000, 5; local t = {} "+r.source); got != r.want {
			t.Errorf("%s: %.200q, want %q", r.source, got, r.want)
		}
	}
}
